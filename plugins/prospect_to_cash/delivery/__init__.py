"""Send what a plan holds, and write down what the target answered."""

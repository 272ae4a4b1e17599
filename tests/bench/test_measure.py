import os
import resource
import sys

from bench.measure import Sample, Usage, run_measured


def test_time_processor_time_and_peak_memory_of_a_program_are_measured(tmp_path):
    program = "import time; held = bytearray(120 * 2**20); time.sleep(0.4); print('done')"

    usage = run_measured([sys.executable, "-c", program], os.environ, tmp_path, tmp_path / "run.log")

    assert (tmp_path / "run.out").read_text() == "done\n"
    assert 0.4 < usage.seconds < 20
    assert 0 < usage.cpu_seconds < usage.seconds + 1
    # Linux counts the memory of the caller too, which is a lot after other tests.
    caller = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert 120 < usage.peak_mib < 300 + caller
    assert len(usage.samples) >= 4
    assert max(sample.mib for sample in usage.samples) > 100


def test_the_samples_include_the_child_processes_of_a_program(tmp_path):
    child = "import time; held = bytearray(100 * 2**20); time.sleep(0.6)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    usage = run_measured([sys.executable, "-c", program], os.environ, tmp_path, tmp_path / "run.log")

    assert max(sample.mib for sample in usage.samples) > 100


def test_the_peak_of_a_task_is_the_highest_sample_while_it_ran():
    usage = Usage(0, 9, 1, 500, [Sample(10, 100), Sample(11, 300), Sample(12, 200), Sample(13, 500)])

    assert usage.peak_between(10.5, 12) == 300
    assert usage.peak_between(20, 30) == 0


def test_a_failed_program_has_its_exit_code_and_its_errors_in_the_log(tmp_path):
    program = "import sys; print('no such table', file=sys.stderr); sys.exit(3)"

    usage = run_measured([sys.executable, "-c", program], os.environ, tmp_path, tmp_path / "run.log")

    assert usage.exit_code == 3
    assert (tmp_path / "run.log").read_text() == "no such table\n"

"""Local stand-ins of Dynamics 365 Sales and of Finance and Operations, speaking their protocols on
127.0.0.1."""

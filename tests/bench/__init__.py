"""What requests cost: AWS calls, capacity units, CPU; how fast functions load; how large their packages are.

`python -m tests.bench` (or `make bench`) measures in this process against AWS's DynamoDB Local and writes
docs/performance.md.  Calls and units are exact; times are those of the machine and compare only with each other.
"""

"""The functions as Lambda runs them: AWS's own runtime client, the variables that Lambda sets, events in its shapes.

A function is a process of its own (`lambda_process`), invoked through a small Runtime API; what it calls of AWS is the
emulator (`cloud`).  Nothing here is nearer to the code than Lambda is.
"""

"""`template.yaml` brought to where it runs: packages uploaded, then the stack created or changed.

`python -m infra.deployment` (`make deploy`) does it on AWS, `infra.local.stack` on the emulator; the same steps:

    preflight.py     what the account lacks, told before anything is made
    parameters.py    what is given, what is kept of the last deployment, what the template refuses
    artifacts.py     the bucket of packages and of what is to be remembered
    recovery.py      what an earlier attempt left behind
    change_set.py    what CloudFormation would do
    guard.py         what it may not do unasked
    execution.py     doing it, and waiting for the end
    failures.py      why it failed
    protection.py    what guards the stack until the next time
    flow.py          the order of these steps
    removal.py       the way back (`make remove`)

Decision: docs/decisions/deployment.md.
"""

from infra.deployment.aws import Clients, DeploymentError
from infra.deployment.flow import deploy

__all__ = ["Clients", "DeploymentError", "deploy"]

"""The whole system on this machine: an emulator of AWS as a child process, and a front on the usual ports."""

"""The command ``enmeshed``: an identity in a terminal. Needs the extra ``enmeshed[cli]``."""

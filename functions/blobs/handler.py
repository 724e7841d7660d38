"""Lambda entry point of the payload keeper."""

from functions.blobs import keeper

stream = keeper.keep_in_step

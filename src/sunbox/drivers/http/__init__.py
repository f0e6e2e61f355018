"""Any meter that answers JSON over HTTP."""

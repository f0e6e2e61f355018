"""Tesla's Fleet API: endpoints as rows, envelopes and words both ways."""

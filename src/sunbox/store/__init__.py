"""What must survive and what should be recalled."""

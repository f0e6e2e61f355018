"""The shell: owns the state, feeds events to the core, carries out its effects, keeps the journal."""

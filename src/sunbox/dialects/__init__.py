"""The wire languages, pure: the standard library and the core only. Each is shared by driver, face and simulator."""

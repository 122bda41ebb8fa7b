package faults

// linkRows are the faults of the link.
func linkRows() []Row { return nil }

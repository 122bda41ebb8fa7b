package faults

// daemonRows are the faults of the daemon.
func daemonRows() []Row { return nil }

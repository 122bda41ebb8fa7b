// Package handover lets a process replace its own image by execve(2) without
// losing its children and sockets: file descriptors are kept open, the state
// travels in a sealed memory file, and children are waited for by pid instead
// of by whoever started them.
//
// What execve keeps: the process id, its children, its parent, its cgroup and
// ambient capabilities, and descriptors without close-on-exec. What it ends:
// every other thread (and with it whatever PR_SET_PDEATHSIG hangs on one),
// memory, timers and signal handlers.
//
// It is a leaf: it imports nothing of the project.
package handover

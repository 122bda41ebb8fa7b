// Package packaging holds what becomes of the program on Debian, and the tests
// of it. All there is to import is the unit's text, for tests on a lab without
// systemd.
package packaging

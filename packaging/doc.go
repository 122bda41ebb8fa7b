// Package packaging holds what becomes of the program on Debian, and the tests
// of it. There is no code to import here.
package packaging

package localproxy

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// Trim gives back the memory that only starting up took: garbage, and the
// pages of the program's file that nothing will look at again. What is needed
// after all is read back from the page cache.
func Trim() error {
	debug.FreeOSMemory()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("giving memory back: %w", err)
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("giving memory back: %w", err)
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		start, length, ok := readOnlyPart(lines.Text(), program)
		if !ok {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, start, length, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("giving memory back: %w", errno)
		}
	}
	return nil
}

// readOnlyPart tells a mapping of program that nobody can have written to, by
// its line in /proc/self/maps: the kernel can only drop it, never lose it.
func readOnlyPart(line, program string) (start, length uintptr, ok bool) {
	if !strings.HasSuffix(line, " "+program) {
		return 0, 0, false
	}
	var end uintptr
	var perms string
	if n, err := fmt.Sscanf(line, "%x-%x %s", &start, &end, &perms); n != 3 || err != nil {
		return 0, 0, false
	}
	return start, end - start, perms == "r--p" || perms == "r-xp"
}

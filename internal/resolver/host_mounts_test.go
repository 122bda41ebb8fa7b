package resolver

import "testing"

func TestReadOnlyForAll(t *testing.T) {
	const (
		root    = "21 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro\n"
		sandbox = "90 21 8:2 / / ro,relatime master:1 - ext4 /dev/sda2 rw,errors=remount-ro\n"
		frozen  = "21 1 8:2 / / ro,relatime shared:1 - ext4 /dev/sda2 ro\n"
		etc     = "33 21 0:30 / /etc rw - overlay overlay rw,lowerdir=/etc\n"
		other   = "34 21 0:31 / /et ro - tmpfs tmpfs ro,size=1k\n"
	)
	for _, tc := range []struct {
		name, mounts string
		want         bool
	}{
		{"writable", root, false},
		{"systemd's sandbox over a writable one", root + sandbox, false},
		{"read-only itself", frozen, true},
		{"read-only itself, in the sandbox", frozen + sandbox[:len(sandbox)-len("rw,errors=remount-ro\n")] + "ro\n", true},
		{"/etc is another file system", frozen + etc, false},
		{"a name that only begins like it", root + other, false},
		{"not to be understood", "x\n\n21 1 8:2 / / ro\n", false},
	} {
		if got := readOnlyForAll(tc.mounts, "/etc"); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

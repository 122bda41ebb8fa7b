// Package arm tries the agent's packages on ARM systems that QEMU plays on any
// machine: installed in foreign root file systems whose programs run one by one
// (qemu-user), booted on a board that exists nowhere else (QEMU's virt), and
// booted on a Raspberry Pi 3B.
//
// Nothing of the host is touched: foreign programs run in namespaces with a
// binfmt_misc of their own, and a virtual machine runs inside the namespaces of
// a lab, in the place of its device. All of it ends with the test.
package arm

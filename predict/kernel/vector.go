//go:build amd64

package kernel

import "golang.org/x/sys/cpu"

//go:generate go run -C avo . -out ../vector_amd64.s -stubs ../vector_amd64.go -pkg kernel

// vector says whether the kernels of vector_amd64.s run; else those in Go do.
// With GODEBUG=cpu.avx2=off in the environment, the latter do everywhere.
var vector = cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasPOPCNT

// wide says whether those for AVX-512 run where there are some.
var wide = vector && cpu.X86.HasAVX512F

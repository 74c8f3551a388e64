// Package tensor names the ways in which model files store numbers and says,
// in plain Go, what each of them means. The fast kernels are in its folders;
// this package is their oracle.
package tensor

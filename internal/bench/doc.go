// Package bench holds the comparison with PHP, liblzf and others. It is a module
// of its own for the sake of what it requires.
package bench

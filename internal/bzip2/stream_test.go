package bzip2

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppendCompress_panicIsAnError(t *testing.T) {
	encoders = sync.Pool{New: func() any { return (*encoder)(nil) }}
	defer func() { encoders = sync.Pool{New: func() any { return new(encoder) }} }()
	got, err := AppendCompress([]byte("head"), make([]byte, 2_000_000))
	require.ErrorContains(t, err, "bzip2: panicked: runtime error")
	require.Equal(t, "head", string(got))
}

package redact

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumber(t *testing.T) {
	for receiver, want := range map[string]string{
		"0712345678": "0712****78", "+40 712-345-678": "+407******78", "1812": "****", "": "", "abc": "",
	} {
		require.Equal(t, want, Number(receiver))
	}
}

func TestShown(t *testing.T) {
	require.Equal(t, "wrong password", shown("wrong password", "ab;cd"))
	require.Equal(t, "wrong ***", shown("wrong ab", "ab;cd"))
	require.Equal(t, "100% &amp; \\", shown("100% &amp; \\", "hunter2"))
}

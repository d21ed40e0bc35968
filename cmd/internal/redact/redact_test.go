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

func TestPassword(t *testing.T) {
	require.Equal(t, "wrong password", Password("wrong password", "ab;cd"))
	require.Equal(t, "wrong ***", Password("wrong ab", "ab;cd"))
	require.Equal(t, "100% &amp; \\", Password("100% &amp; \\", "hunter2"))
	require.Equal(t, "1+1=2", Password("1+1=2", "hunter2"))
	require.Equal(t, "id=L1&password=***&mode=credit", Password("id=L1&password=a+b%2Bc&mode=credit", "a b+c"))
}

package outbox

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// SQL's list of the statuses that decide is that of package smslink.
func TestDecided(t *testing.T) {
	for s := smslink.Status(0); s < 10; s++ {
		require.Equal(t, !undecided(s), strings.Contains(decided, strconv.Itoa(int(s))), "status %d", s)
	}
}

package outcome_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/smslinktest"
)

// Uploads over different connections that end in the same way have the same reason.
func TestReason_isTheSameForEachConnection(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	reasons := map[string]bool{}
	for range 3 {
		gateway.Inject(smslinktest.ResetConnection())
		p := &smslink.Package{}
		require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: "a"}))
		_, err := gateway.Client().Send(t.Context(), p)
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
		reasons[outcome.Reason(err)] = true
	}
	require.Len(t, reasons, 1)
}

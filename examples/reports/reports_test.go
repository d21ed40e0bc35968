package main

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, t.TempDir()))
	require.Equal(t, `4 sent; reports so far: 3; one was lost: false
1 sent; reports so far: 3; one was lost: true
1 delivered
2 undelivered
3 delivered
4 number failed
5 pending
`, out.String())
}

// The result of several reports does not depend on their order, and a message that is sent again
// has its new remote id.
func TestTables(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	ctx := t.Context()
	_, err = db.Exec(tables)
	require.NoError(t, err)
	const secret = "a-secret-of-16-characters"
	mux, err := newMux(db, secret)
	require.NoError(t, err)
	report := func(query string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sms/reports/"+secret+"?"+query, nil))
		require.Equal(t, http.StatusOK, w.Code)
	}
	known := func() (all []string) {
		rows, err := db.Query(delivered)
		require.NoError(t, err)
		defer func() { require.NoError(t, rows.Close()) }()
		for rows.Next() {
			var id, what string
			require.NoError(t, rows.Scan(&id, &what))
			all = append(all, id+" "+what)
		}
		require.NoError(t, rows.Err())
		return all
	}

	require.NoError(t, keep(ctx, db, smslink.Result{ID: 1, RemoteID: "a", Status: smslink.StatusSuccess}))
	require.NoError(t, keep(ctx, db, smslink.Result{ID: 2, RemoteID: "b", Status: smslink.StatusSuccess}))
	require.NoError(t, keep(ctx, db, smslink.Result{ID: 3, Status: smslink.StatusUnreported}))
	require.Equal(t, []string{"1 pending", "2 pending", "3 unreported"}, known())

	reports := []string{
		"message_id=a&timestamp=5&status=0", "message_id=a&timestamp=5&status=1", "message_id=a&timestamp=4&status=0",
		"message_id=b&timestamp=5&status=1", "message_id=b&timestamp=6&status=0", "message_id=b&timestamp=5&status=0",
	}
	for range 2 {
		for _, r := range slices.Concat(reports, reports) {
			report(r)
		}
		require.Equal(t, []string{"1 delivered", "2 undelivered", "3 unreported"}, known())
		var count int
		require.NoError(t, db.QueryRow(`SELECT count(*) FROM report`).Scan(&count))
		require.Equal(t, len(reports), count, "each once")
		_, err = db.Exec(`DELETE FROM report`)
		require.NoError(t, err)
		slices.Reverse(reports)
	}

	report("message_id=b&timestamp=5&status=1")
	require.Equal(t, []string{"1 pending", "2 delivered", "3 unreported"}, known())
	require.NoError(t, keep(ctx, db, smslink.Result{ID: 2, RemoteID: "c", Status: smslink.StatusSuccess}))
	require.Equal(t, []string{"1 pending", "2 pending", "3 unreported"}, known(), "it was sent again")
}

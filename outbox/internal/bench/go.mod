module github.com/go-smslink/smslink/outbox/internal/bench

go 1.25.0

// Never released: it only measures the outbox beside it.
replace (
	github.com/go-smslink/smslink => ../../../
	github.com/go-smslink/smslink/internal/bench => ../../../internal/bench
	github.com/go-smslink/smslink/outbox => ../../
	github.com/go-smslink/smslink/outbox/internal/integration => ../integration
)

require (
	github.com/go-smslink/smslink v0.0.0-00010101000000-000000000000
	github.com/go-smslink/smslink/internal/bench v0.0.0-00010101000000-000000000000
	github.com/go-smslink/smslink/outbox v0.0.0-00010101000000-000000000000
	github.com/go-smslink/smslink/outbox/internal/integration v0.0.0-00010101000000-000000000000
	github.com/jackc/pgx/v5 v5.12.0
	github.com/riverqueue/river v0.38.0
	github.com/riverqueue/river/riverdriver/riverpgxv5 v0.38.0
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/go-sql-driver/mysql v1.10.1 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/pressly/goose/v3 v3.27.0 // indirect
	github.com/riverqueue/river/riverdriver v0.38.0 // indirect
	github.com/riverqueue/river/rivershared v0.38.0 // indirect
	github.com/riverqueue/river/rivertype v0.38.0 // indirect
	github.com/sethvargo/go-retry v0.3.0 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	github.com/tidwall/gjson v1.19.0 // indirect
	github.com/tidwall/match v1.2.0 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)

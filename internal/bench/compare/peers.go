package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sources is where the peers' sources are, from the repository's root.
const sources = "internal/bench/compare/peers"

// findPeers looks for PHP with what its job needs and for a C compiler with liblzf, libbz2 and
// libdeflate, installs what is missing if it can, and builds the C peers into dir.
func findPeers(dir string) (lzf string, err error) {
	lzf = filepath.Join(dir, "lzf")
	build := func() error {
		if err := run("php", "-r", `foreach (["bz2", "curl", "FFI", "zlib"] as $e) if (!extension_loaded($e)) { fwrite(STDERR, "no $e"); exit(1); }`); err != nil {
			return err
		}
		if err := run("gcc", "-O2", "-o", filepath.Join(dir, "deflate"), filepath.Join(sources, "deflate.c"), "-ldeflate"); err != nil {
			return err
		}
		if err := run("gcc", "-O2", "-o", filepath.Join(dir, "libbz2"), filepath.Join(sources, "bzip2.c"), "-lbz2"); err != nil {
			return err
		}
		return run("gcc", "-O2", "-o", lzf, filepath.Join(sources, "lzf.c"), "-llzf")
	}
	if build() == nil {
		return lzf, nil
	}
	if os.Getuid() != 0 {
		return "", errors.New("needs php-cli php-bz2 php-curl gcc libc6-dev liblzf-dev libbz2-dev libdeflate-dev; install them, or run as root on Debian")
	}
	if err := run("apt-get", "update"); err != nil {
		return "", err
	}
	if err := run("apt-get", "install", "-y", "--no-install-recommends", "php-cli", "php-bz2", "php-curl", "gcc", "libc6-dev", "liblzf-dev", "libbz2-dev", "libdeflate-dev"); err != nil {
		return "", err
	}
	return lzf, build()
}

func run(name string, args ...string) error {
	_, err := output(name, args...)
	return err
}

func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return string(out), nil
}

// job runs one side's whole job in a process of its own.
func job(command []string) (measured, error) {
	out, err := output(command[0], command[1:]...)
	if err != nil {
		return measured{}, err
	}
	var took, used int64
	var m measured
	if n, err := fmt.Sscan(out, &took, &m.memory, &used); n < 2 {
		return measured{}, fmt.Errorf("%s printed %q: %w", command[0], out, err)
	}
	m.took, m.processor = time.Duration(took), time.Duration(used)
	return m, nil
}

// phpZlib is how long PHP takes to pack a file at level 9, and to how many bytes.
func phpZlib(file string) (took time.Duration, packed int, err error) {
	out, err := output("php", "-d", "memory_limit=-1", "-r", `$p = file_get_contents($argv[1]); $t = hrtime(true); $z = gzcompress($p, 9); echo hrtime(true) - $t, " ", strlen($z);`, file)
	if err != nil {
		return 0, 0, err
	}
	var ns int64
	_, err = fmt.Sscan(out, &ns, &packed)
	return time.Duration(ns), packed, err
}

// goBench runs benchmarks of a package and gives for each name and unit, such as
// "Add/floor ns/op", what each run measured.
func goBench(pkg, pattern string, runs int) (map[string][]float64, error) {
	out, err := output("go", "test", "-run", "^$", "-bench", pattern, "-count", strconv.Itoa(runs), pkg)
	if err != nil {
		return nil, err
	}
	all := map[string][]float64{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if at := strings.LastIndexByte(name, '-'); at > 0 {
			name = name[:at]
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("go test printed %q", line)
			}
			key := name + " " + fields[i+1]
			all[key] = append(all[key], value)
		}
	}
	return all, nil
}

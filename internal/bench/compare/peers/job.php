<?php
// What the vendor's client does with a package, in PHP: insert, encode, compress,
// upload, read the reply. php job.php CODEC URL FILE, the file holding a message a line:
// id, receiver and text, separated by tabs. Prints what measure.Process reads: times in
// nanoseconds, and resident memory before the job and at its peak, in kB.
ini_set('memory_limit', '-1');
[, $codec, $url, $file] = $argv;

$lzf = $codec === 'lzf' ? FFI::cdef(
    'unsigned int lzf_compress(const void *in, unsigned int in_len, void *out, unsigned int out_len);',
    'liblzf.so.1'
) : null;

function pack_lzf(FFI $lzf, string $plain): string
{
    $room = strlen($plain) + intdiv(strlen($plain), 16) + 64;
    $out = FFI::new("char[$room]");
    return FFI::string($out, $lzf->lzf_compress($plain, strlen($plain), $out, $room));
}

function memory(string $field): int
{
    preg_match("/^$field:\s+(\d+) kB/m", file_get_contents('/proc/self/status'), $m);
    return (int) $m[1];
}

function processor_time(): int
{
    $used = getrusage();
    return 1000 * (1_000_000 * ($used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec']) + $used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec']);
}

class Package
{
    private array $messages = [];

    public function insert($id, $to, $from, $text, $at = 0): bool
    {
        if (!is_numeric($id)) {
            return false;
        }
        $to = preg_replace('/[^0-9]/', '', str_replace('+', '00', $to));
        if ($to === '') {
            return false;
        }
        $text = str_replace("\r\n", "\n", trim($text));
        $text = str_replace(["\n", ';', "\t", "\r"], ['%0A', '%3B', '', ''], $text);
        $this->messages[$id] = ['localMessageId' => $id, 'receiverNumber' => $to, 'senderId' => $from, 'messageText' => $text, 'timestampProgrammed' => $at];
        return true;
    }

    public function count(): int
    {
        return count($this->messages);
    }

    public function plain(): string
    {
        $lines = [];
        foreach ($this->messages as $m) {
            $lines[] = implode(';', $m);
        }
        return implode("\r\n", $lines);
    }
}

$messages = [];
foreach (file($file, FILE_IGNORE_NEW_LINES) as $line) {
    $messages[] = explode("\t", $line);
}
file_put_contents('/proc/self/clear_refs', '5');
$base = memory('VmRSS');
$used = processor_time();
$start = hrtime(true);

$package = new Package();
foreach ($messages as [$id, $to, $text]) {
    $package->insert($id, $to, 'numeric', $text);
}
$plain = $package->plain();
$packed = match ($codec) {
    'none' => $plain,
    'zlib' => gzcompress($plain, 9),
    'bzip2' => bzcompress($plain, 9),
    'lzf' => pack_lzf($lzf, $plain),
};
$now = time();
$path = tempnam(sys_get_temp_dir(), 'smslink');
file_put_contents($path, $packed);
$curl = curl_init("$url?timestamp=$now");
curl_setopt_array($curl, [CURLOPT_POST => true, CURLOPT_RETURNTRANSFER => true, CURLOPT_POSTFIELDS => [
    'connection_id' => 'connection', 'password' => 'password', 'test' => 0,
    'Compression' => ['none' => 0, 'zlib' => 1, 'bzip2' => 2, 'lzf' => 3][$codec],
    'MD5Plain' => md5($plain), 'MD5Compressed' => md5($packed), 'SizePlain' => strlen($plain), 'SizeCompressed' => strlen($packed),
    'Timestamp' => $now, 'Buffering' => 1, 'Version' => '2.1', 'Receivers' => $package->count(),
    'Package' => new CURLFile($path, 'application/octet-stream', 'package'),
]]);
$reply = curl_exec($curl);
unlink($path);

$results = [];
$fields = explode(';', $reply);
foreach (explode(',', $fields[4]) as $entry) {
    [$local, $remote, $status] = explode(':', $entry);
    $results[$local] = ['localMessageId' => $local, 'remoteMessageId' => $remote, 'messageStatus' => $status];
}
$took = hrtime(true) - $start;
$used = processor_time() - $used;
if (count($results) !== count($messages)) {
    fwrite(STDERR, "the reply has " . count($results) . " entries\n");
    exit(1);
}
echo json_encode(['Took' => $took, 'Processor' => $used, 'Base' => $base, 'Peak' => memory('VmHWM')]), "\n";

<?php
// php unpack.php FOLDER: unpacks every file NAME of the folder that has a file NAME.plain beside it, and names those that do
// not come back as that. A name ends in the gateway's Compression value. LZF is liblzf's own, through FFI.
ini_set('memory_limit', '-1');
$lzf = FFI::cdef('unsigned int lzf_decompress(const char *in, unsigned int in_len, char *out, unsigned int out_len);', 'liblzf.so.1');
$unpacked = 0;
foreach (glob("$argv[1]/*.plain") as $file) {
    $plain = file_get_contents($file);
    $name = substr($file, 0, -strlen('.plain'));
    $packed = file_get_contents($name);
    switch (substr($name, -1)) {
        case '1':
            $got = gzuncompress($packed);
            break;
        case '2':
            $got = bzdecompress($packed);
            break;
        case '3':
            $size = strlen($plain);
            $out = FFI::new("char[$size]");
            $n = $lzf->lzf_decompress($packed, strlen($packed), $out, $size);
            $got = FFI::string($out, $n);
            break;
    }
    if ($got !== $plain) {
        echo basename($name), " is not what was packed\n";
    }
    $unpacked++;
}
echo "$unpacked unpacked\n";

<?php
// liblzf itself, through FFI: what PECL's lzf extension wraps.
function liblzf(): FFI
{
    return FFI::cdef(
        'unsigned int lzf_compress(const char *in, unsigned int in_len, char *out, unsigned int out_len);
         unsigned int lzf_decompress(const char *in, unsigned int in_len, char *out, unsigned int out_len);',
        'liblzf.so.1'
    );
}

function lzf_pack(string $plain): string
{
    $room = strlen($plain) + intdiv(strlen($plain), 16) + 64;
    $out = FFI::new("char[$room]");
    $n = liblzf()->lzf_compress($plain, strlen($plain), $out, $room);
    return FFI::string($out, $n);
}

function lzf_unpack(string $packed, int $size): string|false
{
    $out = FFI::new("char[$size]");
    $n = liblzf()->lzf_decompress($packed, strlen($packed), $out, $size);
    return $n === 0 ? false : FFI::string($out, $n);
}

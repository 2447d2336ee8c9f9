/* What shim.c needs of entropy.c. */
#ifndef MASKWRIGHT_ENTROPY_H
#define MASKWRIGHT_ENTROPY_H

#include <stddef.h>
#include <stdio.h>

#define JPEG_INTERNALS
#include "jpeglib.h"

typedef struct {
  void *scan;                /* ours, of Rust */
  const unsigned char *data; /* the file from the scan's first byte on */
  size_t length;
  boolean (*libjpeg)(j_decompress_ptr cinfo, JBLOCKROW *blocks);
} maskwright_entropy;

/* Takes over the scan that was just started where it is an ordinary one; nothing changes otherwise. */
void maskwright_entropy_take(j_decompress_ptr cinfo, maskwright_entropy *self, void *scan);

#endif

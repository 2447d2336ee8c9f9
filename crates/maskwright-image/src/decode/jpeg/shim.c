/* A narrow door to libjpeg for Rust.
 *
 * libjpeg reports a fatal error by a callback that must not return. Leaving it with longjmp is sound only
 * when every frame in between is C, and leaving it by a Rust panic needs unwinding C code and fails
 * under `panic = "abort"`. So every call into libjpeg starts here, behind a setjmp, with callbacks in C
 * only: a damaged file becomes a status and a message.
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entropy.h"
#include "jerror.h"

enum { STATUS_OK = 0, STATUS_ERROR = 1, STATUS_TOO_MANY_SCANS = 2, STATUS_OUT_OF_MEMORY = 3 };

typedef struct {
  struct jpeg_decompress_struct cinfo; /* first, so that a j_common_ptr is also a pointer to this */
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  maskwright_entropy entropy;
  jmp_buf escape;
  int status;
  int max_scans;
  int truncated;
  char error[JMSG_LENGTH_MAX];
  char warning[JMSG_LENGTH_MAX];
} maskwright_jpeg;

static void on_error(j_common_ptr cinfo) {
  maskwright_jpeg *self = (maskwright_jpeg *)cinfo;
  if (self->status == STATUS_OK)
    self->status = cinfo->err->msg_code == JERR_OUT_OF_MEMORY || cinfo->err->msg_code == JERR_NO_BACKING_STORE
                       ? STATUS_OUT_OF_MEMORY
                       : STATUS_ERROR;
  cinfo->err->format_message(cinfo, self->error);
  longjmp(self->escape, 1);
}

/* A level below zero is a warning about damaged data; trace messages are dropped. */
static void on_message(j_common_ptr cinfo, int level) {
  maskwright_jpeg *self = (maskwright_jpeg *)cinfo;
  if (level >= 0)
    return;
  if (cinfo->err->num_warnings++ == 0)
    cinfo->err->format_message(cinfo, self->warning);
}

static void on_output(j_common_ptr cinfo) { (void)cinfo; }

/* A progressive file of a few kilobytes can ask for thousands of passes over all coefficients. */
static void on_progress(j_common_ptr cinfo) {
  maskwright_jpeg *self = (maskwright_jpeg *)cinfo;
  if (self->cinfo.input_scan_number > self->max_scans) {
    self->status = STATUS_TOO_MANY_SCANS;
    longjmp(self->escape, 1);
  }
}

static void source_nothing(j_decompress_ptr cinfo) { (void)cinfo; }

/* The whole file is in memory, so being asked for more means that it ends too early. An invented
 * end-of-image marker makes libjpeg finish with what it has. */
static boolean source_fill(j_decompress_ptr cinfo) {
  static const JOCTET end_of_image[2] = { 0xFF, JPEG_EOI };
  maskwright_jpeg *self = (maskwright_jpeg *)cinfo;
  if (!self->truncated) {
    self->truncated = 1;
    WARNMS(cinfo, JWRN_JPEG_EOF);
  }
  cinfo->src->next_input_byte = end_of_image;
  cinfo->src->bytes_in_buffer = 2;
  return TRUE;
}

static void source_skip(j_decompress_ptr cinfo, long count) {
  if (count <= 0)
    return;
  if ((size_t)count > cinfo->src->bytes_in_buffer) {
    source_fill(cinfo);
    return;
  }
  cinfo->src->next_input_byte += count;
  cinfo->src->bytes_in_buffer -= (size_t)count;
}

void maskwright_jpeg_free(maskwright_jpeg *self) {
  if (self == NULL)
    return;
  if (setjmp(self->escape) == 0)
    jpeg_destroy_decompress(&self->cinfo);
  free(self);
}

maskwright_jpeg *maskwright_jpeg_new(void) {
  maskwright_jpeg *self = calloc(1, sizeof *self);
  if (self == NULL)
    return NULL;
  self->cinfo.err = jpeg_std_error(&self->errors);
  self->errors.error_exit = on_error;
  self->errors.emit_message = on_message;
  self->errors.output_message = on_output;
  if (setjmp(self->escape) != 0) {
    free(self);
    return NULL;
  }
  jpeg_create_decompress(&self->cinfo);
  self->source.init_source = source_nothing;
  self->source.fill_input_buffer = source_fill;
  self->source.skip_input_data = source_skip;
  self->source.resync_to_restart = jpeg_resync_to_restart;
  self->source.term_source = source_nothing;
  self->progress.progress_monitor = on_progress;
  return self;
}

const char *maskwright_jpeg_error(const maskwright_jpeg *self) { return self->error; }
const char *maskwright_jpeg_warning(const maskwright_jpeg *self) { return self->warning; }
long maskwright_jpeg_warnings(const maskwright_jpeg *self) { return self->errors.num_warnings; }
int maskwright_jpeg_truncated(const maskwright_jpeg *self) { return self->truncated; }

/* Reads the header of `data`, which must stay alive until maskwright_jpeg_close. */
int maskwright_jpeg_open(maskwright_jpeg *self, const unsigned char *data, size_t length, int max_scans,
                         long max_memory, unsigned *width, unsigned *height, int *components) {
  self->status = STATUS_OK;
  self->truncated = 0;
  self->max_scans = max_scans;
  self->error[0] = self->warning[0] = 0;
  if (setjmp(self->escape) != 0)
    return self->status;
  jpeg_abort_decompress(&self->cinfo);
  self->errors.num_warnings = 0;
  self->source.next_input_byte = data;
  self->source.bytes_in_buffer = length;
  self->cinfo.src = &self->source;
  self->cinfo.progress = &self->progress;
  self->cinfo.mem->max_memory_to_use = max_memory;
  jpeg_read_header(&self->cinfo, TRUE);
  /* CMYK stays CMYK, everything else becomes RGB. */
  if (self->cinfo.jpeg_color_space == JCS_CMYK || self->cinfo.jpeg_color_space == JCS_YCCK)
    self->cinfo.out_color_space = JCS_CMYK;
  else
    self->cinfo.out_color_space = JCS_RGB;
  *width = self->cinfo.image_width;
  *height = self->cinfo.image_height;
  *components = self->cinfo.out_color_space == JCS_CMYK ? 4 : 3;
  return STATUS_OK;
}

/* Asks for the picture at one `divisor`-th (2, 4 or 8) of its size, rounded up. */
void maskwright_jpeg_reduce(maskwright_jpeg *self, unsigned divisor) {
  self->cinfo.scale_num = 1;
  self->cinfo.scale_denom = divisor;
}

/* Starts decoding; `scan` is for our own Huffman decoder, which is not used without one. `width` and `height` become those
 * of the rows to come. `exact_parts` tells whether skipping rows and columns gives the pixels of a whole decode: not so
 * where libjpeg smooths across blocks, which it does for progressive files with unfinished scans, nor for
 * uncommon subsampling (4:1:0 and the like), where its skipping loses its place. */
int maskwright_jpeg_start(maskwright_jpeg *self, void *scan, unsigned *width, unsigned *height, int *exact_parts) {
  int component, k;
  if (setjmp(self->escape) != 0)
    return self->status;
  jpeg_start_decompress(&self->cinfo);
  *width = self->cinfo.output_width;
  *height = self->cinfo.output_height;
  maskwright_entropy_take(&self->cinfo, &self->entropy, scan);
  *exact_parts = self->errors.num_warnings == 0 && self->cinfo.max_h_samp_factor <= 2 &&
                 self->cinfo.max_v_samp_factor <= 2;
  for (component = 0; component < self->cinfo.num_components; component++) {
    const jpeg_component_info *info = &self->cinfo.comp_info[component];
    int full = info->h_samp_factor == self->cinfo.max_h_samp_factor &&
               info->v_samp_factor == self->cinfo.max_v_samp_factor;
    int single = info->h_samp_factor == 1 && info->v_samp_factor == 1;
    if (!full && !single)
      *exact_parts = 0;
  }
  if (self->cinfo.progressive_mode && self->cinfo.coef_bits != NULL)
    for (component = 0; component < self->cinfo.num_components; component++)
      for (k = 0; k < DCTSIZE2; k++)
        if (self->cinfo.coef_bits[component][k] != 0)
          *exact_parts = 0;
  return STATUS_OK;
}

/* Restricts the output to columns x .. x + width; both move outwards to block borders. `width` becomes that of the rows to
 * come. */
int maskwright_jpeg_crop(maskwright_jpeg *self, unsigned *x, unsigned *width) {
  JDIMENSION x_offset = *x, columns = *width;
  if (setjmp(self->escape) != 0)
    return self->status;
  jpeg_crop_scanline(&self->cinfo, &x_offset, &columns);
  *x = x_offset;
  *width = self->cinfo.output_width;
  return STATUS_OK;
}

/* Whether `room` bytes hold a row; else says so. */
static int holds_row(maskwright_jpeg *self, size_t room) {
  if (room >= (size_t)self->cinfo.output_width * (size_t)self->cinfo.output_components)
    return 1;
  strcpy(self->error, "rows longer than the header says");
  return 0;
}

/* Passes over rows; `scratch` holds `room` bytes, which a row needs. Without chroma interpolation libjpeg's skipping assumes that it starts at
 * the first row of a group of subsampled rows, so the rest of a group is read. */
int maskwright_jpeg_skip(maskwright_jpeg *self, unsigned rows, unsigned char *scratch, size_t room) {
  if (!holds_row(self, room))
    return STATUS_ERROR;
  if (setjmp(self->escape) != 0)
    return self->status;
  while (rows > 0 && self->cinfo.output_scanline % self->cinfo.max_v_samp_factor != 0) {
    JSAMPROW row[1];
    row[0] = scratch;
    if (jpeg_read_scanlines(&self->cinfo, row, 1) != 1)
      break;
    rows--;
  }
  if (rows > 0 && jpeg_skip_scanlines(&self->cinfo, rows) != rows) {
    strcpy(self->error, "fewer rows than the header says");
    return STATUS_ERROR;
  }
  return STATUS_OK;
}

/* Reads one row into `row`, which holds `room` bytes. */
int maskwright_jpeg_read(maskwright_jpeg *self, unsigned char *row, size_t room) {
  JSAMPROW rows[1];
  if (!holds_row(self, room))
    return STATUS_ERROR;
  rows[0] = row;
  if (setjmp(self->escape) != 0)
    return self->status;
  if (jpeg_read_scanlines(&self->cinfo, rows, 1) != 1) {
    strcpy(self->error, "fewer rows than the header says");
    return STATUS_ERROR;
  }
  return STATUS_OK;
}

/* Ends this picture, finished or not, and keeps the decoder for the next one. */
void maskwright_jpeg_close(maskwright_jpeg *self) {
  if (setjmp(self->escape) == 0)
    jpeg_abort_decompress(&self->cinfo);
  self->cinfo.src = NULL;
  self->source.next_input_byte = NULL;
  self->source.bytes_in_buffer = 0;
}

/* Puts our Huffman decoder (huffman/) in the place of libjpeg's for ordinary sequential scans.
 *
 * libjpeg calls its entropy decoder through a pointer, once for every MCU. Its state lies in a structure that only
 * jdhuff.c knows, so that file is included here for the sake of it, its functions under names of our own: the
 * structure is then always that of the libjpeg that is linked.
 */
#define jinit_huff_decoder maskwright_unused_jinit_huff_decoder
#define jpeg_make_d_derived_tbl maskwright_unused_jpeg_make_d_derived_tbl
#define jpeg_fill_bit_buffer maskwright_unused_jpeg_fill_bit_buffer
#define jpeg_huff_decode maskwright_unused_jpeg_huff_decode
#include "jdhuff.c"

#include "entropy.h"

/* In huffman/ffi.rs. */
extern int maskwright_huffman_table(void *scan, int is_ac, int slot, const unsigned char *counts,
                                    const unsigned char *symbols);
extern void maskwright_huffman_start(void *scan, int blocks, const int *kinds);
extern int maskwright_huffman_mcu(void *scan, const unsigned char *data, size_t length, JBLOCK *blocks);
extern void maskwright_huffman_place(const void *scan, size_t *read, unsigned long long *buffer, int *bits,
                                     int *predictors);

/* The calls of libjpeg lead here from a structure that knows nothing of us, so what is ours is found in client_data. */
static maskwright_entropy *ours(j_decompress_ptr cinfo) { return (maskwright_entropy *)cinfo->client_data; }

/* Gives the scan back to libjpeg, from the place where its decoder would be. */
static void leave(j_decompress_ptr cinfo) {
  maskwright_entropy *self = ours(cinfo);
  huff_entropy_ptr entropy = (huff_entropy_ptr)cinfo->entropy;
  size_t read;
  unsigned long long buffer;
  int bits;
  maskwright_huffman_place(self->scan, &read, &buffer, &bits, entropy->saved.last_dc_val);
  cinfo->src->next_input_byte = self->data + read;
  cinfo->src->bytes_in_buffer = self->length - read;
  entropy->bitstate.get_buffer = (bit_buf_type)buffer;
  entropy->bitstate.bits_left = bits;
  entropy->pub.decode_mcu = self->libjpeg;
}

static boolean decode_ordinary_mcu(j_decompress_ptr cinfo, JBLOCKROW *blocks) {
  maskwright_entropy *self = ours(cinfo);
  JBLOCK *first = blocks ? blocks[0] : NULL;
  if (maskwright_huffman_mcu(self->scan, self->data, self->length, first))
    return TRUE;
  leave(cinfo);
  if (first)
    memset(first, 0, cinfo->blocks_in_MCU * sizeof(JBLOCK));
  return self->libjpeg(cinfo, blocks);
}

static int is_ordinary(j_decompress_ptr cinfo) {
  return sizeof(bit_buf_type) == 8 && !cinfo->progressive_mode && !cinfo->arith_code && cinfo->restart_interval == 0 &&
         cinfo->data_precision == 8 && !cinfo->inputctl->has_multiple_scans && cinfo->coef->coef_arrays == NULL &&
         cinfo->unread_marker == 0 && !cinfo->entropy->insufficient_data && cinfo->blocks_in_MCU <= D_MAX_BLOCKS_IN_MCU;
}

void maskwright_entropy_take(j_decompress_ptr cinfo, maskwright_entropy *self, void *scan) {
  int kinds[3 * D_MAX_BLOCKS_IN_MCU];
  int block, component;
  if (scan == NULL || !is_ordinary(cinfo))
    return;
  for (component = 0; component < cinfo->comps_in_scan; component++) {
    const jpeg_component_info *info = cinfo->cur_comp_info[component];
    const JHUFF_TBL *dc = cinfo->dc_huff_tbl_ptrs[info->dc_tbl_no];
    const JHUFF_TBL *ac = cinfo->ac_huff_tbl_ptrs[info->ac_tbl_no];
    if (!info->component_needed || !maskwright_huffman_table(scan, 0, info->dc_tbl_no, dc->bits, dc->huffval) ||
        !maskwright_huffman_table(scan, 1, info->ac_tbl_no, ac->bits, ac->huffval))
      return;
  }
  for (block = 0; block < cinfo->blocks_in_MCU; block++) {
    const jpeg_component_info *info = cinfo->cur_comp_info[cinfo->MCU_membership[block]];
    kinds[3 * block] = cinfo->MCU_membership[block];
    kinds[3 * block + 1] = info->dc_tbl_no;
    kinds[3 * block + 2] = info->ac_tbl_no;
  }
  maskwright_huffman_start(scan, cinfo->blocks_in_MCU, kinds);
  self->scan = scan;
  self->data = cinfo->src->next_input_byte;
  self->length = cinfo->src->bytes_in_buffer;
  self->libjpeg = cinfo->entropy->decode_mcu;
  cinfo->client_data = self;
  cinfo->entropy->decode_mcu = decode_ordinary_mcu;
}

//! Records of TensorBoard's event files: TFRecord's framing.
//!
//! A record is its length (u64, little-endian), the masked CRC32C of these eight bytes, the data, and the masked CRC32C of the
//! data.

/// The polynomial of CRC32C (Castagnoli), reflected.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The remainder of each byte.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let odd = remainder & 1 == 1;
            remainder = if odd { remainder >> 1 ^ POLYNOMIAL } else { remainder >> 1 };
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
};

/// The CRC32C of some bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, &byte: &u8| TABLE[(sum as u8 ^ byte) as usize] ^ sum >> 8;
    !bytes.iter().fold(!0, step)
}

/// The sum as it is stored: rotated and moved, so that sums of data that hold sums are not weak.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The record of some data.
pub(super) fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC32C, and two test vectors of RFC 3720, appendix B.4.
    #[test]
    fn sums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    /// The first record of every event file that TensorFlow writes has 24 bytes for a time of 0.
    #[test]
    fn a_record_frames_its_data() {
        let record = record(b"abc");
        assert_eq!(record.len(), 8 + 4 + 3 + 4);
        assert_eq!(record[..8], [3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(record[12..15], *b"abc");
        assert_eq!(record[15..], masked(b"abc").to_le_bytes());
    }
}

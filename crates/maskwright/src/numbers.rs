//! Numbers and times for people.

/// 1234567 as "1,234,567".
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds as "1 h 02 min", "3 min 20 s", "12 s" or "0.4 s".
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 0.95 && seconds > 0.0 {
        return format!("{:.1} s", seconds.max(0.1));
    }
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, thousands};

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(1_071_104), "1,071,104");
        assert_eq!(duration(12.4), "12 s");
        assert_eq!([0.0, 0.02, 0.44, 0.97].map(duration), ["0 s", "0.1 s", "0.4 s", "1 s"]);
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
    }
}

//! Keys of samples: what everything random in a sample is a function of.

use serde::{Deserialize, Serialize};

use super::{Keyed, Purpose, Scope};

/// The identity of a training sample: everything random in it is a function of this.
///
/// What shows (flip, scale, crop) depends on `view`, what is asked about it (which objects, which prompts)
/// on `draw`; every [`Purpose`] says to [which of the two](Purpose::scope) it belongs. So one view can be asked
/// about again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SampleKey {
    /// Seed of the run.
    pub seed: u64,
    /// Number of the view on the record.
    pub view: u64,
    /// Number of the draw of objects and prompts.
    pub draw: u64,
    /// Number of the record over all sets of the run; where sets are repeated, its place in the
    /// [`Mix`](crate::source::Mix).
    pub record: u64,
}

impl SampleKey {
    /// The sample of an epoch that makes its own views: the epoch, from 0, numbers view and draw.
    pub fn in_epoch(seed: u64, epoch: u64, record: u64) -> SampleKey {
        SampleKey { seed, view: epoch, draw: epoch, record }
    }

    /// The generator of one purpose, for what all objects of the view have in common.
    pub fn generator(&self, purpose: Purpose) -> Keyed {
        let number = match purpose.scope() {
            Scope::View => self.view,
            Scope::Draw => self.draw,
        };
        Keyed::new(self.seed, number, self.record, purpose)
    }

    /// The key of one of the objects that the view is drawn for.
    pub fn object(self, place: u64) -> ObjectKey {
        ObjectKey { sample: self, place }
    }
}

/// The identity of one object of a sample: the key of its prompt and of the points of its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The sample that shows the object.
    pub sample: SampleKey,
    /// Its place among the objects drawn for the sample, from 0. Objects that the view does not show have
    /// places too, so a prompt does not depend on which other objects are in view.
    pub place: u64,
}

impl ObjectKey {
    /// The generator of one purpose. The object at place 0 has the [sample's own](SampleKey::generator).
    pub fn generator(&self, purpose: Purpose) -> Keyed {
        self.sample.generator(purpose).of_object(self.place)
    }

    /// The generator of one purpose in one round of corrections, from 1. Round 0, the first prediction, has
    /// [`generator`](Self::generator)'s.
    pub fn generator_in(&self, purpose: Purpose, round: u64) -> Keyed {
        self.generator(purpose).of_round(round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Purpose; 18] = [
        Purpose::Order,
        Purpose::Flip,
        Purpose::Scale,
        Purpose::Crop,
        Purpose::PromptKind,
        Purpose::Points,
        Purpose::NoiseMask,
        Purpose::Box,
        Purpose::Replacement,
        Purpose::OtherKind,
        Purpose::Synthesis,
        Purpose::LossPoints,
        Purpose::Object,
        Purpose::Remainder,
        Purpose::PointCount,
        Purpose::Correction,
        Purpose::ClickJitter,
        Purpose::Bootstrap,
    ];

    /// First draws of seed 42, epoch 3, record 1207 for every purpose, from a separate implementation of
    /// ChaCha8: key words 42, 3, 1207 and the purpose's number, nonce 0. A run's samples must not change
    /// with an upgrade.
    const FIRST_DRAWS: [u64; 18] = [
        0x4bae_3b6c_420f_c748,
        0x4fff_79b9_16b3_55ff,
        0x1fac_841a_8edf_6574,
        0x8e8b_62aa_75c4_9d62,
        0x7308_cb0f_689a_f024,
        0x6b1f_b847_4a7b_1b25,
        0x3d89_8e99_8980_1ac8,
        0xbd4b_8c74_e5cc_7cbd,
        0x80ea_91e5_5c82_751b,
        0x8e21_79d8_d9d2_8c0b,
        0x6de1_9455_fd16_d60f,
        0xc2cc_078f_331b_8f2c,
        0xeffb_e95f_a6aa_0fb9,
        0x389c_4ad1_fb2c_5cc1,
        0xbd3a_63cf_a8e0_d5de,
        0x61e0_476b_ab40_bb9c,
        0xe91e_01e1_2841_d1e0,
        0x3f1e_e844_4b57_fd1c,
    ];

    #[test]
    fn the_first_draws_of_an_epoch_are_pinned() {
        let key = SampleKey::in_epoch(42, 3, 1207);
        for (purpose, first) in ALL.into_iter().zip(FIRST_DRAWS) {
            assert_eq!(key.generator(purpose).next_u64(), first, "{purpose:?}");
            assert_eq!(key.object(0).generator(purpose).next_u64(), first, "{purpose:?}");
            assert_eq!(Keyed::new(42, 3, 1207, purpose).next_u64(), first, "{purpose:?}");
        }
    }

    /// As the table above, with nonce 1.
    #[test]
    fn the_draws_of_a_second_object_are_pinned() {
        let second = SampleKey::in_epoch(42, 3, 1207).object(1);
        for (purpose, first) in [
            (Purpose::PromptKind, 0xfc11_9726_1bea_cf34),
            (Purpose::Points, 0xab64_e8c3_45f2_1f5a),
            (Purpose::NoiseMask, 0x2a85_2683_bd08_f94e),
            (Purpose::Box, 0x6683_b90e_f2c6_6287),
            (Purpose::OtherKind, 0x8c79_823f_fa0f_d0af_u64),
            (Purpose::LossPoints, 0x700c_3869_66e5_9a7b),
        ] {
            assert_eq!(second.generator(purpose).next_u64(), first, "{purpose:?}");
        }
    }

    /// As above, from block 2^32 times the round over 16.
    #[test]
    fn the_draws_of_a_round_are_pinned() {
        let key = SampleKey::in_epoch(42, 3, 1207);
        let first =
            |place, purpose, round| key.object(place).generator_in(purpose, round).next_u64();
        assert_eq!(first(1, Purpose::Correction, 2), 0xf91f_72ef_de40_12c5);
        assert_eq!(first(0, Purpose::LossPoints, 1), 0xa08c_b627_5074_6d81);
        assert_eq!(first(0, Purpose::LossPoints, 0), 0xc2cc_078f_331b_8f2c);
    }

    #[test]
    fn views_and_draws_have_numbers_of_their_own() {
        let key = SampleKey::in_epoch(42, 3, 1207);
        let (other_view, other_draw) = (SampleKey { view: 4, ..key }, SampleKey { draw: 4, ..key });
        for purpose in ALL {
            let first = |key: SampleKey| key.generator(purpose).next_u64();
            let (view, draw) = (first(other_view) == first(key), first(other_draw) == first(key));
            let expected = match purpose.scope() {
                Scope::View => (false, true),
                Scope::Draw => (true, false),
            };
            assert_eq!((view, draw), expected, "{purpose:?}");
        }
    }
}

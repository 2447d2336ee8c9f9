//! Records that are the same, inside a set and across sets.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use crate::finding::{Check, Like};
use crate::fingerprint::LOOK_BITS;
use crate::issue::{Hint, Issue};
use crate::similar::near_pairs;
use crate::subject::{Role, Subject};
use crate::tally::Tally;

/// A record among those of all sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Training comes before validation: what is found twice is told of the validation record.
    valid: bool,
    set: usize,
    /// Place among the prints of the set.
    print: usize,
}

/// Compares the records of all sets, and tells each tally what its records are copies of.
pub(super) fn find(subjects: &[Subject], tallies: &mut [Tally<'_>]) {
    let mut places: Vec<Place> = Vec::new();
    for (set, tally) in tallies.iter().enumerate() {
        let valid = subjects[set].role() == Role::Valid;
        places.extend((0..tally.prints.len()).map(|print| Place { valid, set, print }));
    }
    places.sort_unstable();
    let mut issues = exact(&places, tallies);
    let copies: std::collections::HashSet<(usize, usize)> =
        issues.iter().map(|(place, ..)| (place.set, place.print)).collect();
    let alone: Vec<Place> = places
        .iter()
        .copied()
        .filter(|place| !copies.contains(&(place.set, place.print)))
        .collect();
    issues.extend(near(&alone, tallies));
    issues.extend(same_masks(&places, tallies));
    issues.sort_by_key(|(place, check, ..)| (place.set, place.print, *check));
    for (place, check, other, words) in issues {
        let like = like(subjects, tallies, other);
        let detail = format!("{words} {}/{}", like.set, like.name);
        let record = tallies[place.set].prints[place.print].record as usize;
        let image = check != Check::IdenticalMask;
        let issue = Issue { check, nth: 0, object: None, image, detail, hint: Hint::None };
        tallies[place.set].issue(record, issue, Some(like));
    }
}

type Found = (Place, Check, Place, String);

fn like(subjects: &[Subject], tallies: &[Tally<'_>], other: Place) -> Like {
    let record = tallies[other.set].prints[other.print].record as usize;
    let known =
        subjects[other.set].source().and_then(|source| source.identity(&record.into()).ok());
    let name = known.map_or_else(|| record.to_string(), |(_, name)| name);
    Like { place: other.set, set: subjects[other.set].name().to_owned(), record, name }
}

/// Files with the same bytes: each but the first of a group. One with the same mask too is a copy, one with
/// another is another object of that image.
fn exact(places: &[Place], tallies: &[Tally<'_>]) -> Vec<Found> {
    let mut first: HashMap<u128, Place> = HashMap::new();
    let mut first_pair: HashMap<(u128, u128), Place> = HashMap::new();
    let mut found = Vec::new();
    for &place in places {
        let print = &tallies[place.set].prints[place.print];
        let twin = print.mask.and_then(|mask| match first_pair.entry((print.image, mask)) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(free) => {
                free.insert(place);
                None
            }
        });
        let Some(&other) = first.get(&print.image) else {
            first.insert(print.image, place);
            continue;
        };
        let (check, other) = if place.valid && !other.valid {
            (Check::DuplicateAcrossSplits, other)
        } else if let Some(twin) = twin {
            (Check::DuplicateImage, twin)
        } else {
            (Check::SharedImage, other)
        };
        found.push((place, check, other, "the same bytes as".to_owned()));
    }
    found
}

/// Pictures that look alike: each with the nearest of those before it, training records first.
fn near(places: &[Place], tallies: &[Tally<'_>]) -> Vec<Found> {
    let looking: Vec<(Place, _)> = places
        .iter()
        .filter_map(|&place| Some((place, tallies[place.set].prints[place.print].look?)))
        .collect();
    let looks: Vec<_> = looking.iter().map(|seen| seen.1).collect();
    let mut nearest: BTreeMap<usize, (bool, u32, usize)> = BTreeMap::new();
    near_pairs(&looks, |a, b, distance| {
        // The places are sorted: a training record is never the later one of a mixed pair.
        let same_list = looking[a].0.valid == looking[b].0.valid;
        let candidate = (same_list, distance, a);
        let best = nearest.entry(b).or_insert(candidate);
        *best = candidate.min(*best);
    });
    nearest
        .into_iter()
        .map(|(b, (same_list, distance, a))| {
            let check = if same_list {
                Check::NearDuplicateImage
            } else {
                Check::NearDuplicateAcrossSplits
            };
            let words = format!("{distance} of {LOOK_BITS} bits differ from");
            (looking[b].0, check, looking[a].0, words)
        })
        .collect()
}

/// The same mask for different images.
fn same_masks(places: &[Place], tallies: &[Tally<'_>]) -> Vec<Found> {
    let mut first: HashMap<u128, Place> = HashMap::new();
    let mut found = Vec::new();
    for &place in places {
        let print = &tallies[place.set].prints[place.print];
        let Some(hash) = print.mask else { continue };
        match first.get(&hash) {
            None => {
                first.insert(hash, place);
            }
            Some(&other) if tallies[other.set].prints[other.print].image != print.image => {
                let words = "the mask is exactly that of".to_owned();
                found.push((place, Check::IdenticalMask, other, words));
            }
            Some(_) => {}
        }
    }
    found
}

//! `maskwright studio` over real sockets: data, clicks, corrections, training, and attacks.

#[path = "../support/mod.rs"]
mod support;

mod annotating;
mod attacks;
mod browsing;
mod client;
mod demo;
mod training;

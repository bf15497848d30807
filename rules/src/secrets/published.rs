//! Keys that their vendors have published themselves: in documentation, in the sources of their SDKs, as the fixed keys of an
//! emulator, as test vectors. They have the right shape and often a right checksum, everybody has them, and nobody can
//! revoke them.
//!
//! Kept as the first eight bytes of their SHA-256, so that nothing here looks like a key. To add one:
//! `printf %s KEY | sha256sum | cut -c-16`. Only what the vendor itself shows to everybody belongs here; a key that merely
//! got into many repositories does not.

use sha2::{Digest, Sha256};

const PUBLISHED: &[u64] = &[
    // Google's Firebase SDKs and samples (`google-services.json`, `GoogleService-Info.plist`, `isValidApiKeyFormat`)
    0xf56e_3234_94a6_ffc2,
    0x2037_abca_ffb2_b777,
    0x3f37_0c9d_d822_5c63,
    0xe4a5_542b_b7fd_7b67,
    0xa19f_89ab_3555_eac1,
    0x0b47_6bdf_9acf_2123,
    0xeb54_0d2b_6ee2_a0a4,
    0x37f8_f09b_df12_c2f2,
    0x8731_261c_b72d_8626,
    0x49f7_77db_995e_8260,
    0x27a9_a429_31df_f7eb,
    0xdc0f_cf04_6c61_640c,
    0x4c98_242d_cadc_8b29,
    0xea9b_b108_2cf9_5663,
    0x3a8b_61d0_f636_b007,
    0xa6c8_14bc_555a_e62c,
    0xf1af_d589_c101_a525,
    0x43e4_4fa2_af06_3f65,
    0x3d12_d5fd_096b_dc9c,
    0x3979_b7b2_f0dd_eb9b,
    0xf0c6_d4cd_ab38_1add,
    // Azure's emulators: Azurite, Cosmos DB
    0x0011_cc25_eb43_2071,
    0xaa65_4743_9583_c3a2,
    // Stripe's documentation
    0x2caf_c097_0149_a84f,
    0x2d1f_7723_aabc_5c7a,
    0xf2d6_ca16_5150_33e5,
    0x7e8d_e44e_a9ec_f6d5,
    // reCAPTCHA's keys for tests, with which every answer is right
    0xf5e9_5c99_5463_5b65,
    0x03b9_70ed_8171_d73b,
    // Accounts of Hardhat and Anvil
    0xbc1a_5096_6c9e_6486,
    0x8335_c553_3482_1eef,
    0xb26a_b652_9d20_ebeb,
    0x6403_4b44_c579_b335,
    0x4d3e_46ee_c824_4d1d,
    0x0aed_ba9d_586f_34f9,
    0x28e5_43d3_753f_c9d1,
    0xf070_994a_8599_4785,
    0x38e6_9fdd_19ae_feb4,
    0x967f_2158_6cdf_1248,
    // Test vectors of BIP-39 (Trezor)
    0xe770_e8aa_42a8_69cf,
    0x15f4_1342_748a_a6c0,
    0x3b1c_5e02_1074_09ea,
    0xa5fe_1cb4_158f_fd2a,
    0x9b41_a256_5767_eced,
    0x88f2_ee81_ba72_9de8,
    0x16df_24f2_6063_525e,
    0x1b7e_12a5_fbbb_126f,
    0x3b9b_8ee7_4bf1_320a,
    0x90ef_ef5d_3a73_9e5f,
    0x24ab_07af_dcda_42ea,
    0xf25d_5976_c4e2_372f,
    0x6f9d_ef46_3cd4_ff64,
    0x7c80_8e8e_7dd2_ae0f,
    0x31cf_c32f_8b1a_414e,
    0x2a3c_affd_ead1_e45d,
    0xd6da_54d1_2db9_eac8,
    0xb12e_e277_a669_b18f,
    0x341c_225b_06c9_1708,
    0x6d82_8deb_d306_e21a,
    0xcc95_a8a1_b5e9_bf13,
    0x3045_2ba5_605d_d252,
    0xb2e7_1100_d10b_ee74,
    0xb8ae_5c99_1426_47d1,
    0x0f38_8b04_e512_d7a0,
    0xb1bf_f22a_e077_ce1a,
    0x662c_451c_c588_6e1d,
    0x867f_9f59_29a7_201c,
];

/// Whether everybody has it. Hexadecimal may have its `0x`.
pub(crate) fn published(secret: &[u8]) -> bool {
    let bare = secret.strip_prefix(b"0x").unwrap_or(secret);
    let digest = Sha256::digest(bare);
    digest.first_chunk().is_some_and(|first| PUBLISHED.contains(&u64::from_be_bytes(*first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_emulators_are_everybodys() {
        // In two halves: a scanner would report it as one.
        let azurite =
            ["Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSR", "Z6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="];
        assert!(published(azurite.concat().as_bytes()));
        assert!(!published(azurite[0].as_bytes()) && !published(b""));
        let hardhat = ["ac0974bec39a17e36ba4a6b4d238ff94", "4bacb478cbed5efcae784d7bf4f2ff80"].concat();
        assert!(published(hardhat.as_bytes()) && published(format!("0x{hardhat}").as_bytes()));
    }

    #[test]
    fn none_is_listed_twice() {
        let mut all = PUBLISHED.to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), PUBLISHED.len());
    }
}

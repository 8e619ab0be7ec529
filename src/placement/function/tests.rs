//! The vectors of the real libraries and programs. One line: a function, then its hash of each key;
//! a line that starts with a space goes on with the one before.

use super::*;

/// libhashkit 1.1.4, its `hsieh` from the source file, and the last two from zlib and from Java.
const CLIENTS: &str = "
OneAtATime 596015325 2151715081 3392050242 3500069313 2557793880 2730634316 210767219
  4161201498
Md5 3675831724 421377335 3111502092 55850276 3325529896 3240598882 4284147490 761702880
Crc15 3187 30463 26807 24667 22998 32172 0 2390
Fnv1Of64 1805727027 1806514304 2248259518 4278394430 495345617 258635980 4096642201 2687765325
Fnv1aOf64 4275688823 322520602 2248273036 3594507884 3442534937 4191556026 1082683637
  3247132121
Fnv1Of32 1083137555 513390112 84696446 3147130782 699521585 383309868 626891481 706045773
Fnv1aOf32 2851307223 1991736602 3826002220 2433428012 2308385401 1405643706 528078069
  681936985
Hsieh 1993659431 2197238083 2472816263 4156367989 1100246999 3622869581 426950274 2815244603
Murmur2 3303027599 516654467 1262581116 1321330814 3715771668 3186438036 2346125556 566127770
Lookup3 2583187353 2006320315 3768813200 2668559199 850320271 389242851 151181044 3826507604
Murmur3 2784297138 148727849 2289228744 1121799367 3541710514 3237231397 581330093 888983907
Crc32 2356372769 1996459178 3904355907 3764107307 3654714606 4255961857 2147487747 2304129464
JavaString 101574 97299 97 3866525297 2059070834 1501945891 685917252 1135359709
";

const CLIENT_KEYS: [&[u8]; 8] = [
    b"foo",
    b"bar",
    b"a",
    b"user:1:profile",
    b"user:2:profile",
    b"e50eb7598b580311bab8f39bb8f4815b",
    b"zero5221",
    "naïve-key".as_bytes(),
];

/// twemproxy 0.5.
const TWEMPROXY: &str = "
OneAtATime 3392050242 596015325 2151715081 2527477262 2759121323 4101178540 3273418151
  2958551873 2502276317 960037458 3884467434 732451748 2410977904 2144029493 3677141090
  3549303266 2297466611
Md5 3111502092 3675831724 421377335 3564590007 2270382510 2050082123 4126915730 3198221629
  199912297 2421930184 2471203225 2927462087 1843415908 510308318 22524659 678887447
  3195025439
Crc16 31879 205303702 1276220357 3784006289 3784010482 3377384219 3710649310 1665534877
  1665539004 2590251519 13597593 3483563961 59380014 3861292903 1969454 3037955494 3662830516
Crc15 26807 3187 30463 26361 32752 7819 29833 17702 12833 32633 9126 21528 25484 17617 2296
  26530 10542
Crc32 3904355907 2356372769 1996459178 3875131313 2146475531 2659955468 1955173945 1160173254
  841082448 2138698029 2745614147 3558407380 1670122793 1154575572 2297966742 1738715074
  2838417488
Fnv1Of64 2248259518 1805727027 1806514304 265369367 265369364 3498912636 2867617809 3336604726
  3336604727 715302946 3035302865 1801761658 3786824773 3995086359 3035328926 3616143363
  473199127
Fnv1aOf64 2248273036 4275688823 322520602 1864406151 1864406586 3601811138 3573082401
  2955030756 2955031191 753570920 3046119973 2201495272 4162099377 3933641815 3035516848
  853538535 1488911807
Fnv1Of32 84696446 1083137555 513390112 3244037431 3244037428 407158044 2157025265 554085110
  554085111 1613506210 1450640401 1968953018 4195110405 3199958167 309762398 4205378467
  67176023
Fnv1aOf32 3826002220 2851307223 1991736602 2494393703 2511171322 3325230082 2895052033
  3211771012 3228548631 2829592904 1415952421 2022933640 765515313 200187927 897126160
  2351082247 280767167
Hsieh 2472816263 1993659431 2197238083 2117362399 1749608256 386563950 4118179719 3356920928
  1432604943 1329656990 1675826574 276320316 2882377914 3432339831 3425753411 2755400168
  3738850110
Murmur2 1262581116 3303027599 516654467 2212238444 3775898113 3294215952 2418372548 963582427
  2596161635 2086404852 2918201570 2594422854 1185137092 3664841419 110360745 2259667708
  4142305122
Lookup3 3768813200 2583187353 2006320315 2598870971 2863361209 3130246992 3100639452 187583049
  255600291 3885297776 635310243 4275446032 4139680487 2303093779 121975773 2206259800
  1442444624
";

const TWEMPROXY_KEYS: [&[u8]; 17] = [
    b"a",
    b"foo",
    b"bar",
    b"key00001",
    b"key00002",
    b"key22222",
    b"key33333",
    b"user:{42}:x",
    b"user:{42}:y",
    b"user:{}:z",
    b"{}",
    b"{42",
    b"0123456789abcdefghij",
    "été".as_bytes(),
    b"\xff\xfe",
    b"the quick brown fox jumps",
    b"apple",
];

const FUNCTIONS: [Function; 27] = [
    Function::Md5,
    Function::Crc32,
    Function::Crc31,
    Function::Crc15,
    Function::Crc15OrOne,
    Function::Crc16,
    Function::Fnv1Of32,
    Function::Fnv1aOf32,
    Function::Fnv1Of64,
    Function::Fnv1aOf64,
    Function::Fnv1a15OrOne,
    Function::UnitsFnv1Of32,
    Function::UnitsFnv1aOf32,
    Function::UnitsFnv1Of64,
    Function::UnitsFnv1aOf64,
    Function::OneAtATime,
    Function::OneAtATimeUnsigned,
    Function::Lookup3,
    Function::Hsieh,
    Function::Murmur2,
    Function::Murmur3,
    Function::JavaString,
    Function::JavaStringDistance,
    Function::Spread,
    Function::Murmur64 { seed: 1 },
    Function::Xxh3 { seed: 1 },
    Function::Original,
];

fn check(table: &str, keys: &[&[u8]]) {
    for line in table.trim().replace("\n ", "").lines() {
        let (name, hashes) = line.split_once(' ').expect("a name and hashes");
        let named = |function: &&Function| format!("{function:?}") == name;
        let function = FUNCTIONS.iter().find(named).expect(name);
        let hashes: Vec<u64> = hashes.split_whitespace().flat_map(str::parse).collect();
        assert_eq!(hashes.len(), keys.len(), "{name}: a hash for each key");
        for (key, hash) in keys.iter().zip(hashes) {
            assert_eq!(function.hash(key), hash, "{name} of {}", key.escape_ascii());
        }
    }
}

#[test]
fn the_vectors_of_libhashkit_and_the_clients() {
    check(CLIENTS, &CLIENT_KEYS);
}

#[test]
fn the_vectors_of_twemproxy() {
    check(TWEMPROXY, &TWEMPROXY_KEYS);
    assert_eq!(Function::Hsieh.hash(b"ab\xff"), 1_977_393_110);
}

#[test]
fn the_vectors_of_mcrouter() {
    let long = [b'x'; 250];
    let murmur = Function::Murmur64 { seed: 4_193_360_111 };
    let vectors: [(&[u8], u64); 12] = [
        (b"", 0x4d40_8de6_2dee_109a),
        (b"a", 0x3d69_61c6_9991_4c7b),
        (b"foo", 0x649c_5afd_3a8f_4a03),
        (b"key1", 0x32d1_d63a_9094_8404),
        (b"key2", 0x6c54_497a_4ac2_1f5c),
        (b"key3", 0x1913_a5ea_9a56_498b),
        (b"sample", 0x8cc7_3127_cf81_62db),
        (b"user:1234", 0x79a2_eafd_e554_de60),
        (b"user:1234SALT", 0x2a23_92e4_274b_165b),
        (b"abcdefgh", 0xeb59_8d6a_f4ac_8ab4),
        (b"abcdefghi", 0xa1a0_67da_f819_1d25),
        (&long, 0x6ca4_4591_0aeb_c33f),
    ];
    for (key, expected) in vectors {
        assert_eq!(murmur.hash(key), expected, "{}", key.escape_ascii());
    }
}

#[test]
fn mcrouters_shadow_keys_are_chosen_by_spooky() {
    let below = |at: &u32| spooky32(format!("f{at}").as_bytes(), 0) < u32::MAX / 10;
    let chosen: Vec<_> = (0..100).filter(below).collect();
    assert_eq!(chosen, [5, 7, 13, 33, 43, 46, 58, 71, 83, 85, 89, 91, 93]);
}

/// Of the bytes 0, 1, 2, ... in these lengths, by the spookyhash 2.1.1 of PyPI: the ends of every
/// block.
#[test]
fn spooky_at_the_lengths_where_it_changes() {
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(500).collect();
    let vectors = "0 1865093797 1 1242130795 7 2808138710 8 3204609916 12 1057222596 15 1902089642
        16 3631355719 17 3005140992 31 419356970 32 3447622090 33 1341197566 48 4268902243
        100 1004553111 191 1059457935 192 516025655 193 1383251497 250 1557439659
        288 3938068768 500 2129669748";
    let numbers: Vec<u32> = vectors.split_whitespace().flat_map(str::parse).collect();
    for vector in numbers.chunks(2) {
        let len = vector[0] as usize;
        assert_eq!(spooky32(&bytes[..len], 0xface_2014), vector[1], "{len} bytes");
    }
}

#[test]
fn crc32_by_steps_of_four_is_crc32_by_bits() {
    let bytes: Vec<u8> = (0..=u8::MAX).rev().cycle().take(300).collect();
    let by_bits = |bytes: &[u8]| {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            (0..8).fold(crc ^ u32::from(*byte), step)
        })
    };
    for len in 0..bytes.len() {
        let (start, end) = bytes[..len].split_at(len / 3);
        assert_eq!(crc32(&bytes[..len]), by_bits(&bytes[..len]), "{len} bytes");
        assert_eq!(crc32_continued(crc32(start), end), by_bits(&bytes[..len]), "{len} bytes");
    }
}

#[test]
fn the_points_of_the_clients() {
    let words = [3_187_647_615, 2_893_990_766, 813_702_075, 4_292_932_786];
    assert_eq!(md5_words(b"127.0.0.1-0"), words);
    let words = [2_542_743_978, 2_687_603_753, 2_485_758_313, 1_119_222_194];
    assert_eq!(md5_words(b"cache2.example:22101-0"), words);
    assert_eq!(md5_words(b"server1-8")[0], 3_853_726_576);
    assert_eq!(md5_words(b"server1-8")[3], 2_667_054_752);
    assert_eq!(Function::OneAtATime.hash(b"127.0.0.1-0"), 942_932_303);
    assert_eq!(Function::Crc32.hash(b"127.0.0.1:11211-0"), 2_206_506_960);
}

#[test]
fn any_bytes_have_a_hash() {
    let everything: Vec<u8> = (0..=u8::MAX).cycle().take(600).collect();
    for function in FUNCTIONS {
        for start in [0, 0x70, 0x80, 0xc0, 0xe0, 0xf0] {
            for len in (0..100).chain(180..300) {
                function.hash(&everything[start..start + len]);
            }
        }
    }
}

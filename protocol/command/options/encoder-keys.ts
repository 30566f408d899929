/**
 * Keys of `-x264-params`, `-x265-params` and `-svtav1-params` that may be set. Left out is what reads or writes a
 * file (stats, qpfile, cqmfile, dump-yuv, csv, recon, analysis-*, lambda-file, zonefile, log-file, ...), what
 * loads code (opencl-clbin), and threads, which the agent shares out.
 */

const words = (text: string) => text.split(/\s+/).filter((word) => word !== "");

export const x264Keys: ReadonlySet<string> = new Set(
  words(`
    8x8dct aq-mode aq-strength aq3-mode aud avcintra-class avcintra-flavor b-adapt b-bias b-pyramid bff
    bframes bitrate bluray-compat cabac chroma-me chroma-qp-offset chromaloc colormatrix colorprim
    constrained-intra crf crf-max crop-rect cplxblur deadzone-inter deadzone-intra deblock direct
    direct-pred fade-compensate fake-interlaced fast-pskip filler force-cfr frame-packing fullrange
    i_qfactor infinite-gop interlaced intra-refresh ipratio keyint keyint_max keyint_min level
    mastering-display max-cll mbtree me me_method me_range merange min-keyint mixed-refs mvrange
    mvrange-thread nal-hrd no-8x8dct no-cabac no-chroma-me no-dct-decimate no-deblock no-fast-pskip
    no-interlaced no-mbtree no-mixed-refs no-psy no-scenecut no-weightb nr open-gop overscan partitions
    pbratio pic-struct profile psy psy-rd qblur qcomp qp qpmax qpmin qpstep qp_constant range ratetol rc-lookahead
    ref sar scenecut scenecut_threshold slice-max-mbs slice-max-size slice-min-mbs slices slices-max
    stitchable subme subq tff transfer trellis vbv-bufsize vbv-init vbv-maxrate videoformat weightb
    weightp
  `),
);

export const x265Keys: ReadonlySet<string> = new Set(
  words(`
    amp annexb aq-mode aq-motion aq-strength atc-sei aud b-adapt b-intra b-pyramid bframe-bias bframes
    bitrate cbqpoffs chromaloc cll colormatrix colorprim const-vbv constrained-intra copy-pic
    cplxblur crf crf-max crf-min crqpoffs ctu cu-lossless cutree deblock display-window early-skip eob eos
    dynamic-rd dynamic-refine fades fast-intra field force-flush gop-lookahead hdr hdr-opt hdr10
    hdr10-opt hevc-aq high-tier hist-scenecut hme hrd idr-recovery-sei info interlace
    intra-refresh ipratio keyint level-idc limit-modes limit-refs limit-sao limit-tu log-level log2-max-poc-lsb
    lookahead-slices lossless lowpass-dct master-display max-ausize-factor max-cll max-luma max-merge
    max-qp-delta max-tu-size mcstf me merange min-cu-size min-keyint min-luma multi-pass-opt-rps nr-inter nr-intra
    open-gop opt-cu-delta-qp opt-qp-pps opt-ref-list-length-pps overscan pbratio pic-struct profile psy-rd
    psy-rdoq qblur qcomp qg-size qp qpmax qpmin qpstep radl range rc-grain rc-lookahead rd rd-refine
    rdoq rdoq-level rect ref refine-mv repeat-headers rskip rskip-edge-threshold sao sao-non-deblock sar
    scenecut scenecut-bias selective-sao signhide single-sei slices slow-firstpass splitrd-skip
    ssim-rd strict-cbr strong-intra-smoothing subme temporal-layers temporal-mvp tier transfer tskip tskip-fast
    tu-inter-depth tu-intra-depth uhd-bd vbv-bufsize vbv-end vbv-init vbv-maxrate videoformat
    vui-hrd-info vui-timing-info weightb weightp
    no-amp no-aud no-b-intra no-b-pyramid no-cutree no-deblock no-early-skip no-fast-intra no-hdr-opt
    no-hrd no-info no-limit-modes no-open-gop no-psy-rd no-psy-rdoq no-rd-refine no-rect no-repeat-headers no-rskip
    no-sao no-scenecut no-signhide no-ssim-rd no-strong-intra-smoothing no-temporal-mvp no-tskip no-weightb
    no-weightp
  `),
);

export const svtKeys: ReadonlySet<string> = new Set(
  words(`
    aq-mode color-primaries color-range content-light crf enable-cdef enable-dlf enable-hdr enable-mfmv enable-overlays
    enable-qm enable-restoration enable-tf fast-decode film-grain
    film-grain-denoise hierarchical-levels input-depth irefresh-type keyint
    lookahead mastering-display matrix-coefficients max-qp mbr min-qp overshoot-pct pred-struct preset qm-max
    qm-min qp rc scd scm sharpness superres-mode tbr tile-columns tile-rows transfer-characteristics tune
    undershoot-pct variance-boost-strength enable-variance-boost variance-octile
  `),
);

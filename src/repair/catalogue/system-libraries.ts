import type { Packages } from "./system-headers.ts";

/**
 * Libraries | Debian (bookworm) | Alpine. With `.so.N` only that version; without, every one. What a program loads one after the other comes together:
 * the second failure would only be seen after the next start.
 */
const LIBRARIES = `
libGL libOpenGL libGLX | libgl1 libglib2.0-0 | mesa-gl glib
libGLdispatch | libglvnd0 | mesa-gl
libGLU | libglu1-mesa | glu
libEGL | libegl1 | mesa-egl
libGLESv2 | libgles2 | mesa-gles
libgbm | libgbm1 | mesa-gbm
libdrm | libdrm2 | libdrm
libOSMesa | libosmesa6 | mesa-osmesa
libgthread-2.0 libglib-2.0 libgobject-2.0 libgio-2.0 libgmodule-2.0 | libglib2.0-0 | glib
libpq.so.5 | libpq5 | libpq
libmariadb.so.3 | libmariadb3 | mariadb-connector-c
libmysqlclient | default-mysql-client-core libmariadb3 | mariadb-connector-c
libsqlite3.so.0 | libsqlite3-0 | sqlite-libs
libodbc.so.2 libodbcinst.so.2 libodbccr.so.2 | unixodbc | unixodbc
libsybdb.so.5 libct.so.4 | libsybdb5 | freetds
libtdsodbc | tdsodbc | freetds
libgomp.so.1 | libgomp1 | libgomp
libgfortran.so.5 libquadmath.so.0 | libgfortran5 | libgfortran
libopenblas.so.0 libblas.so.3 liblapack.so.3 libcblas.so.3 | libopenblas0 | openblas
libatlas.so.3 | libatlas3-base | -
libatomic.so.1 | libatomic1 | libatomic
libstdc++.so.6 | libstdc++6 | libstdc++
libgcc_s.so.1 | libgcc-s1 | libgcc
libz.so.1 | zlib1g | zlib
libbz2.so.1.0 | libbz2-1.0 | libbz2
liblzma.so.5 | liblzma5 | xz-libs
libzstd.so.1 | libzstd1 | zstd-libs
liblz4.so.1 | liblz4-1 | lz4-libs
libsnappy.so.1 | libsnappy1v5 | snappy
libmagic.so.1 libmagic | libmagic1 | libmagic
libxml2.so.2 | libxml2 | libxml2
libxslt.so.1 libexslt.so.0 | libxslt1.1 | libxslt
libxmlsec1.so.1 libxmlsec1-openssl.so.1 | libxmlsec1-openssl | xmlsec
libyaml-0.so.2 | libyaml-0-2 | yaml
libffi.so.8 | libffi8 | libffi
libexpat.so.1 | libexpat1 | expat
libcurl.so.4 | libcurl4 | libcurl
libcurl-gnutls.so.4 | libcurl3-gnutls | libcurl
libssl.so.3 libcrypto.so.3 | libssl3 | libssl3 libcrypto3
libldap-2.5.so.0 liblber-2.5.so.0 | libldap-2.5-0 | libldap
libldap.so.2 liblber.so.2 | - | libldap
libsasl2.so.2 libsasl2.so.3 | libsasl2-2 | libsasl
libkrb5.so.3 libgssapi_krb5.so.2 libk5crypto.so.3 | libgssapi-krb5-2 | krb5-libs
libevent-2.1.so.7 | libevent-2.1-7 | libevent
libuv.so.1 | libuv1 | libuv
libsodium.so.23 libsodium | libsodium23 | libsodium
libgmp.so.10 | libgmp10 | gmp
libmpfr.so.6 | libmpfr6 | mpfr
libgpgme.so.11 | libgpgme11 | gpgme
librdkafka.so.1 | librdkafka1 | librdkafka
libzmq.so.5 | libzmq5 | libzmq
libmemcached.so.11 | libmemcached11 | libmemcached-libs
libhiredis.so.0.14 | libhiredis0.14 | hiredis
librabbitmq.so.4 | librabbitmq4 | rabbitmq-c
libssh2.so.1 | libssh2-1 | libssh2
libssh.so.4 | libssh-4 | libssh
libgit2.so.1.5 | libgit2-1.5 | libgit2
libarchive.so.13 | libarchive13 | libarchive
libzip.so.4 | libzip4 | libzip
libuuid.so.1 | libuuid1 | libuuid
libcap.so.2 | libcap2 | libcap
libcap-ng.so.0 | libcap-ng0 | libcap-ng
libseccomp.so.2 | libseccomp2 | libseccomp
libudev.so.1 | libudev1 | eudev-libs
libusb-1.0.so.0 libusb-1.0 | libusb-1.0-0 | libusb
libsystemd.so.0 | libsystemd0 | -
libdbus-1.so.3 | libdbus-1-3 | dbus-libs
libpcap.so.0.8 libpcap.so.1 libpcap | libpcap0.8 | libpcap
libnuma.so.1 | libnuma1 | numactl
libfuse.so.2 | libfuse2 | fuse
libaio.so.1 | libaio1 | libaio
libreadline.so.8 | libreadline8 | readline
libncurses.so.6 libncursesw.so.6 | libncurses6 libncursesw6 | ncurses-libs
libtinfo.so.6 | libtinfo6 | ncurses-libs
libedit.so.2 | libedit2 | libedit
libpcre.so.3 | libpcre3 | -
libpcre.so.1 | - | pcre
libpcre2-8.so.0 | libpcre2-8-0 | pcre2
libicuuc.so.72 libicui18n.so.72 libicudata.so.72 | libicu72 | -
libicu | libicu72 | icu-libs icu-data-full
libcairo.so.2 libcairo libcairo-2 | libcairo2 | cairo
libcairo-gobject.so.2 | libcairo-gobject2 | cairo-gobject
libpango-1.0 libpangocairo-1.0 libpangoft2-1.0 | libpango-1.0-0 libpangocairo-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 | pango harfbuzz
libharfbuzz.so.0 libharfbuzz | libharfbuzz0b | harfbuzz
libfontconfig.so.1 libfontconfig | libfontconfig1 | fontconfig
libfreetype.so.6 | libfreetype6 | freetype
libgdk_pixbuf-2.0 | libgdk-pixbuf-2.0-0 | gdk-pixbuf
librsvg-2.so.2 | librsvg2-2 | librsvg
libgirepository-1.0.so.1 | libgirepository-1.0-1 | gobject-introspection
libgtk-3.so.0 libgdk-3.so.0 | libgtk-3-0 | gtk+3.0
libjpeg.so.62 | libjpeg62-turbo | -
libjpeg.so.8 | - | libjpeg-turbo
libturbojpeg.so.0 libturbojpeg | libturbojpeg0 | libjpeg-turbo
libpng16.so.16 | libpng16-16 | libpng
libtiff.so.6 | libtiff6 | tiff
libwebp.so.7 libwebpmux.so.3 libwebpdemux.so.2 | libwebp7 libwebpmux3 libwebpdemux2 | libwebp
libopenjp2.so.7 | libopenjp2-7 | openjpeg
liblcms2.so.2 | liblcms2-2 | lcms2
libgif.so.7 | libgif7 | giflib
libheif.so.1 | libheif1 | libheif
libvips.so.42 libvips-cpp.so.42 libvips | libvips42 | vips
libMagickWand-6.Q16.so.6 libMagickCore-6.Q16.so.6 libMagickWand | libmagickwand-6.q16-6 | imagemagick
libtesseract.so.5 | libtesseract5 | tesseract-ocr
libleptonica.so.5 liblept.so.5 | liblept5 | leptonica
libpoppler-cpp.so.0 | libpoppler-cpp0v5 | poppler
libzbar.so.0 libzbar | libzbar0 | zbar
libdmtx.so.0 libdmtx | libdmtx0b | libdmtx
libenchant-2.so.2 libenchant | libenchant-2-2 | enchant2-libs
libaspell.so.15 | libaspell15 | aspell-libs
libhunspell-1.7.so.0 | libhunspell-1.7-0 | libhunspell
libsndfile.so.1 libsndfile | libsndfile1 | libsndfile
libportaudio.so.2 libportaudio | libportaudio2 | portaudio
libasound.so.2 | libasound2 | alsa-lib
libpulse.so.0 | libpulse0 | libpulse
libopus.so.0 libopus | libopus0 | opus
libvorbis.so.0 | libvorbis0a | libvorbis
libmp3lame.so.0 | libmp3lame0 | lame-libs
libsox.so.3 | libsox3 | sox
libavcodec.so.59 libavformat.so.59 libavutil.so.57 libswscale.so.6 libswresample.so.4 libavdevice.so.59 libavfilter.so.8 | ffmpeg | -
libespeak-ng.so.1 libespeak-ng libespeak.so.1 | libespeak-ng1 libespeak1 | espeak-ng
libSDL2-2.0.so.0 | libsdl2-2.0-0 | sdl2
libgeos_c.so.1 libgeos_c | libgeos-c1v5 | geos
libgeos.so.3.11.1 | libgeos3.11.1 | -
libgdal.so.32 libgdal | libgdal32 | gdal
libproj.so.25 libproj | libproj25 | proj
libspatialindex.so.6 libspatialindex_c.so.6 libspatialindex_c libspatialindex | libspatialindex6 | libspatialindex
libmod_spatialite mod_spatialite | libsqlite3-mod-spatialite | libspatialite
libhdf5_serial.so.103 | libhdf5-103-1 | -
libhdf5.so | - | hdf5
libnetcdf.so.19 | libnetcdf19 | netcdf
libgsl.so.27 | libgsl27 | -
libfftw3.so.3 libfftw3f.so.3 | libfftw3-double3 libfftw3-single3 | fftw-double-libs
libprotobuf.so.32 | libprotobuf32 | -
libprotobuf-c.so.1 | libprotobuf-c1 | protobuf-c
libtcmalloc.so.4 libtcmalloc_minimal.so.4 libtcmalloc | libtcmalloc-minimal4 libgoogle-perftools4 | gperftools
libjemalloc.so.2 libjemalloc | libjemalloc2 | jemalloc
libmosquitto.so.1 | libmosquitto1 | mosquitto-libs
libvirt.so.0 | libvirt0 | libvirt-libs
libsnmp.so.40 | libsnmp40 | -
libbluetooth.so.3 | libbluetooth3 | bluez-libs
libnetfilter_queue.so.1 | libnetfilter-queue1 | libnetfilter_queue
libpam.so.0 | libpam0g | linux-pam
libcups.so.2 | libcups2 | cups-libs
libSM.so.6 | libsm6 | libsm
libICE.so.6 | libice6 | libice
libX11.so.6 | libx11-6 | libx11
libX11-xcb.so.1 | libx11-xcb1 | libx11
libXext.so.6 | libxext6 | libxext
libXrender.so.1 | libxrender1 | libxrender
libXi.so.6 | libxi6 | libxi
libXtst.so.6 | libxtst6 | libxtst
libXrandr.so.2 | libxrandr2 | libxrandr
libXfixes.so.3 | libxfixes3 | libxfixes
libXcursor.so.1 | libxcursor1 | libxcursor
libXcomposite.so.1 | libxcomposite1 | libxcomposite
libXdamage.so.1 | libxdamage1 | libxdamage
libXss.so.1 | libxss1 | libxscrnsaver
libXft.so.2 | libxft2 | libxft
libXinerama.so.1 | libxinerama1 | libxinerama
libxcb.so.1 | libxcb1 | libxcb
libxcb-shm.so.0 | libxcb-shm0 | libxcb
libxcb-icccm.so.4 libxcb-image.so.0 libxcb-keysyms.so.1 libxcb-render-util.so.0 libxcb-xinerama.so.0 libxcb-cursor.so.0 libxcb-shape.so.0 | libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-xinerama0 libxcb-cursor0 libxcb-shape0 | xcb-util-wm xcb-util-image xcb-util-keysyms xcb-util-renderutil
libxkbcommon.so.0 libxkbcommon-x11.so.0 | libxkbcommon0 libxkbcommon-x11-0 | libxkbcommon
libxshmfence.so.1 | libxshmfence1 | libxshmfence
libgtk-x11-2.0.so.0 | libgtk2.0-0 | gtk+2.0
libnss3.so libnssutil3.so libsmime3.so libnspr4.so libatk-1.0.so.0 libatk-bridge-2.0.so.0 libatspi.so.0 | libnss3 libnspr4 libatk1.0-0 libatk-bridge2.0-0 libatspi2.0-0 libcups2 libdbus-1-3 libdrm2 libxkbcommon0 libxcomposite1 libxdamage1 libxfixes3 libxrandr2 libgbm1 libpango-1.0-0 libcairo2 libasound2 libglib2.0-0 | nss at-spi2-core cups-libs libxkbcommon libxcomposite libxdamage libxrandr mesa-gbm pango cairo alsa-lib
libtk8.6.so libtcl8.6.so | tk | tk
libpython3.11.so.1.0 | libpython3.11 | -
liblua5.4.so.0 | liblua5.4-0 | lua5.4-libs
libruby-3.1.so.3.1 | libruby3.1 | -
libltdl.so.7 | libltdl7 | libltdl
libaugeas.so.0 libaugeas | libaugeas0 | augeas-libs
libgraphviz libgvc.so.6 libcgraph.so.6 | graphviz | graphviz
libwkhtmltox.so.0 | wkhtmltopdf | -
libunwind.so.8 | libunwind8 | libunwind
libgdiplus.so libgdiplus | libgdiplus | libgdiplus
libnsl.so.2 | libnsl2 | libnsl
libnsl.so.1 | libnsl2 | -
libcrypt.so.1 | libcrypt1 | libxcrypt
libxcrypt.so.2 | - | libxcrypt
ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 libc.so.6 libm.so.6 libresolv.so.2 | - | gcompat libstdc++
libc.musl-x86_64.so.1 libc.musl-aarch64.so.1 | musl | -
`;

/** These belong to releases that are over: nothing to install has them. */
const GONE = /^lib(?:ssl|crypto)\.so\.(?:1\.|0\.|10$)/;

const BY_NAME: ReadonlyMap<string, Packages> = new Map(
  LIBRARIES.trim()
    .split("\n")
    .flatMap((row) => {
      const [names = [], debian = [], alpine = []] = row.split("|").map((cell) => cell.trim().split(/\s+/));
      const packages = { debian: debian.filter((one) => one !== "-"), alpine: alpine.filter((one) => one !== "-") };
      return names.map((name): [string, Packages] => [name, packages]);
    }),
);

/**
 * What has a shared library, by its file name or the bare name a program asks for (`libGL.so.1`, `zbar`). `gone`: no release that is kept has it;
 * undefined: not known.
 */
export function packagesOfLibrary(name: string): Packages | "gone" | undefined {
  if (GONE.test(name)) return "gone";
  const bare = name.replace(/\.so\b.*$/, "");
  const lib = bare.startsWith("lib") ? bare : `lib${bare}`;
  const found = BY_NAME.get(name) ?? BY_NAME.get(bare) ?? BY_NAME.get(lib) ?? BY_NAME.get(lib.replace(/-\d+(?:\.\d+)*$/, ""));
  if (found) return found;
  // Known under another version only: it was built for another release.
  const version = /\.so\.\d/.test(name);
  const unversioned = version ? undefined : [...BY_NAME.keys()].find((key) => key.startsWith(`${lib}.so.`));
  if (unversioned !== undefined) return BY_NAME.get(unversioned);
  return version && [...BY_NAME.keys()].some((key) => key.startsWith(`${lib}.so.`)) ? "gone" : undefined;
}

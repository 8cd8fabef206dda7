/** Packages by distribution; empty where it has none. */
export interface Packages {
  readonly debian: readonly string[];
  readonly alpine: readonly string[];
}

export interface Library extends Packages {
  /** What a stage needs that only takes over what was built with it. */
  readonly runtime: Packages;
}

/**
 * Keys | Debian (bookworm) | Alpine | run time on Debian | run time on Alpine.
 * Keys: a header, a folder of headers (`x/`), a module of pkg-config (`pc:x`), a library of the linker (`-lx`), a program that tells flags (`x-config`).
 */
const LIBRARIES = `
ffi.h ffitarget.h pc:libffi -lffi | libffi-dev | libffi-dev | libffi8 | libffi
openssl/ pc:openssl pc:libssl pc:libcrypto -lssl -lcrypto | libssl-dev | openssl-dev | libssl3 | libssl3
libxml/ libxslt/ libexslt/ pc:libxml-2.0 pc:libxslt pc:libexslt xml2-config xslt-config -lxml2 -lxslt -lexslt | libxml2-dev libxslt1-dev | libxml2-dev libxslt-dev | libxml2 libxslt1.1 | libxml2 libxslt
xmlsec/ pc:xmlsec1 pc:xmlsec1-openssl -lxmlsec1 | libxmlsec1-dev pkg-config | xmlsec-dev pkgconf | libxmlsec1-openssl | xmlsec
zlib.h zconf.h pc:zlib -lz | zlib1g-dev | zlib-dev | zlib1g | zlib
bzlib.h pc:bzip2 -lbz2 | libbz2-dev | bzip2-dev | libbz2-1.0 | libbz2
lzma.h lzma/ pc:liblzma -llzma | liblzma-dev | xz-dev | liblzma5 | xz-libs
zstd.h pc:libzstd -lzstd | libzstd-dev | zstd-dev | libzstd1 | zstd-libs
lz4.h lz4frame.h pc:liblz4 -llz4 | liblz4-dev | lz4-dev | liblz4-1 | lz4-libs
lzo/ pc:lzo2 -llzo2 | liblzo2-dev | lzo-dev | liblzo2-2 | lzo
snappy-c.h snappy.h -lsnappy | libsnappy-dev | snappy-dev | libsnappy1v5 | snappy
brotli/ pc:libbrotlienc pc:libbrotlidec | libbrotli-dev | brotli-dev | libbrotli1 | brotli-libs
jpeglib.h jconfig.h turbojpeg.h pc:libjpeg -ljpeg | libjpeg-dev | jpeg-dev | libjpeg62-turbo | libjpeg-turbo
png.h pngconf.h pc:libpng libpng-config -lpng -lpng16 | libpng-dev | libpng-dev | libpng16-16 | libpng
tiff.h tiffio.h pc:libtiff-4 -ltiff | libtiff-dev | tiff-dev | libtiff6 | tiff
webp/ pc:libwebp pc:libwebpmux -lwebp | libwebp-dev | libwebp-dev | libwebp7 libwebpmux3 libwebpdemux2 | libwebp
gif_lib.h -lgif | libgif-dev | giflib-dev | libgif7 | giflib
openjpeg.h openjpeg-2.5/ pc:libopenjp2 -lopenjp2 | libopenjp2-7-dev | openjpeg-dev | libopenjp2-7 | openjpeg
lcms2.h pc:lcms2 -llcms2 | liblcms2-dev | lcms2-dev | liblcms2-2 | lcms2
ft2build.h freetype/ freetype2/ pc:freetype2 freetype-config -lfreetype | libfreetype-dev | freetype-dev | libfreetype6 | freetype
fontconfig/ pc:fontconfig -lfontconfig | libfontconfig-dev | fontconfig-dev | libfontconfig1 | fontconfig
hb.h harfbuzz/ pc:harfbuzz -lharfbuzz | libharfbuzz-dev | harfbuzz-dev | libharfbuzz0b | harfbuzz
fribidi.h fribidi/ pc:fribidi -lfribidi | libfribidi-dev | fribidi-dev | libfribidi0 | fribidi
heif.h libheif/ pc:libheif -lheif | libheif-dev | libheif-dev | libheif1 | libheif
cairo.h cairo/ pc:cairo pc:py3cairo -lcairo | libcairo2-dev pkg-config | cairo-dev pkgconf | libcairo2 | cairo
pango/ pc:pango pc:pangocairo pc:pangoft2 | libpango1.0-dev pkg-config | pango-dev pkgconf | libpango-1.0-0 libpangocairo-1.0-0 | pango
pixman.h pc:pixman-1 | libpixman-1-dev | pixman-dev | libpixman-1-0 | pixman
glib.h glib-object.h gio/ gmodule.h pc:glib-2.0 pc:gobject-2.0 pc:gio-2.0 -lglib-2.0 | libglib2.0-dev | glib-dev | libglib2.0-0 | glib
girepository.h pc:gobject-introspection-1.0 pc:girepository-1.0 | libgirepository1.0-dev | gobject-introspection-dev | libgirepository-1.0-1 | gobject-introspection
gtk/ pc:gtk+-3.0 | libgtk-3-dev | gtk+3.0-dev | libgtk-3-0 | gtk+3.0
gdk-pixbuf/ pc:gdk-pixbuf-2.0 | libgdk-pixbuf-2.0-dev | gdk-pixbuf-dev | libgdk-pixbuf-2.0-0 | gdk-pixbuf
librsvg/ pc:librsvg-2.0 | librsvg2-dev | librsvg-dev | librsvg2-2 | librsvg
vips/ pc:vips pc:vips-cpp -lvips | libvips-dev | vips-dev | libvips42 | vips
MagickWand/ MagickCore/ wand/ pc:MagickWand pc:MagickCore pc:ImageMagick Magick-config MagickWand-config | libmagickwand-dev | imagemagick-dev | libmagickwand-6.q16-6 | imagemagick
lber.h ldap.h ldap_cdefs.h pc:ldap -lldap -llber -lldap_r | libldap2-dev libsasl2-dev | openldap-dev | libldap-2.5-0 | libldap
sasl/ sasl.h pc:libsasl2 -lsasl2 | libsasl2-dev | cyrus-sasl-dev | libsasl2-2 | libsasl
sql.h sqlext.h sqltypes.h odbcinst.h pc:odbc odbc_config -lodbc | unixodbc-dev | unixodbc-dev | unixodbc | unixodbc
sybdb.h sybfront.h ctpublic.h -lsybdb | freetds-dev | freetds-dev | libsybdb5 | freetds
sqlite3.h pc:sqlite3 -lsqlite3 | libsqlite3-dev | sqlite-dev | libsqlite3-0 | sqlite-libs
libpq-fe.h libpq/ pc:libpq -lpq | libpq-dev | postgresql-dev | libpq5 | libpq
mysql.h mysql/ mariadb/ pc:mysqlclient pc:libmariadb pc:mariadb mysql_config mariadb_config -lmysqlclient -lmariadb | default-libmysqlclient-dev | mariadb-dev | libmariadb3 | mariadb-connector-c
gdbm.h -lgdbm | libgdbm-dev | gdbm-dev | libgdbm6 | gdbm
db.h db_cxx.h -ldb | libdb-dev | db-dev | libdb5.3 | db
leveldb/ -lleveldb | libleveldb-dev | leveldb-dev | libleveldb1d | leveldb
rocksdb/ -lrocksdb | librocksdb-dev | rocksdb-dev | librocksdb7.8 | rocksdb
lmdb.h -llmdb | liblmdb-dev | lmdb-dev | liblmdb0 | lmdb
hiredis/ hiredis.h pc:hiredis -lhiredis | libhiredis-dev | hiredis-dev | libhiredis0.14 | hiredis
libmemcached/ pc:libmemcached -lmemcached | libmemcached-dev zlib1g-dev | libmemcached-dev zlib-dev | libmemcached11 | libmemcached-libs
librdkafka/ rdkafka.h pc:rdkafka -lrdkafka | librdkafka-dev | librdkafka-dev | librdkafka1 | librdkafka
zmq.h pc:libzmq -lzmq | libzmq3-dev | zeromq-dev | libzmq5 | libzmq
amqp.h rabbitmq-c/ pc:librabbitmq -lrabbitmq | librabbitmq-dev | rabbitmq-c-dev | librabbitmq4 | rabbitmq-c
yaml.h pc:yaml-0.1 -lyaml | libyaml-dev | yaml-dev | libyaml-0-2 | yaml
expat.h pc:expat -lexpat | libexpat1-dev | expat-dev | libexpat1 | expat
jansson.h pc:jansson -ljansson | libjansson-dev | jansson-dev | libjansson4 | jansson
json-c/ pc:json-c -ljson-c | libjson-c-dev | json-c-dev | libjson-c5 | json-c
nlohmann/ pc:nlohmann_json | nlohmann-json3-dev | nlohmann-json | |
curl/ pc:libcurl curl-config -lcurl | libcurl4-openssl-dev libssl-dev | curl-dev openssl-dev | libcurl4 | libcurl
event.h event2/ pc:libevent -levent | libevent-dev | libevent-dev | libevent-2.1-7 | libevent
ev.h -lev | libev-dev | libev-dev | libev4 | libev
uv.h pc:libuv -luv | libuv1-dev | libuv-dev | libuv1 | libuv
ares.h pc:libcares -lcares | libc-ares-dev | c-ares-dev | libc-ares2 | c-ares
nghttp2/ pc:libnghttp2 -lnghttp2 | libnghttp2-dev | nghttp2-dev | libnghttp2-14 | nghttp2-libs
libssh2.h pc:libssh2 -lssh2 | libssh2-1-dev | libssh2-dev | libssh2-1 | libssh2
libssh/ pc:libssh -lssh | libssh-dev | libssh-dev | libssh-4 | libssh
git2.h git2/ pc:libgit2 -lgit2 | libgit2-dev | libgit2-dev | libgit2-1.5 | libgit2
gmp.h gmpxx.h -lgmp | libgmp-dev | gmp-dev | libgmp10 | gmp
mpfr.h -lmpfr | libmpfr-dev | mpfr-dev | libmpfr6 | mpfr
mpc.h -lmpc | libmpc-dev | mpc1-dev | libmpc3 | mpc1
sodium.h sodium/ pc:libsodium -lsodium | libsodium-dev | libsodium-dev | libsodium23 | libsodium
gcrypt.h libgcrypt-config -lgcrypt | libgcrypt20-dev | libgcrypt-dev | libgcrypt20 | libgcrypt
gpgme.h gpgme-config pc:gpgme -lgpgme | libgpgme-dev | gpgme-dev | libgpgme11 | gpgme
gnutls/ pc:gnutls -lgnutls | libgnutls28-dev | gnutls-dev | libgnutls30 | gnutls
nettle/ pc:nettle -lnettle | nettle-dev | nettle-dev | libnettle8 | nettle
mbedtls/ -lmbedtls | libmbedtls-dev | mbedtls-dev | libmbedtls14 | mbedtls
argon2.h pc:libargon2 -largon2 | libargon2-dev | argon2-dev | libargon2-1 | argon2-libs
secp256k1.h pc:libsecp256k1 | libsecp256k1-dev | libsecp256k1-dev | libsecp256k1-1 | libsecp256k1
krb5.h krb5/ gssapi.h gssapi/ krb5-config pc:krb5 pc:krb5-gssapi pc:mit-krb5-gssapi -lkrb5 -lgssapi_krb5 | libkrb5-dev | krb5-dev | libgssapi-krb5-2 | krb5-libs
security/ -lpam | libpam0g-dev | linux-pam-dev | libpam0g | linux-pam
sys/capability.h pc:libcap -lcap | libcap-dev | libcap-dev | libcap2 | libcap
seccomp.h pc:libseccomp -lseccomp | libseccomp-dev | libseccomp-dev | libseccomp2 | libseccomp
selinux/ pc:libselinux -lselinux | libselinux1-dev | libselinux-dev | libselinux1 | libselinux
sys/acl.h acl/ -lacl | libacl1-dev | acl-dev | libacl1 | libacl
attr/ -lattr | libattr1-dev | attr-dev | libattr1 | libattr
uuid/ pc:uuid -luuid | uuid-dev | util-linux-dev | libuuid1 | libuuid
crypt.h -lcrypt | libcrypt-dev | libxcrypt-dev | libcrypt1 | libxcrypt
libudev.h pc:libudev -ludev | libudev-dev | eudev-dev | libudev1 | eudev-libs
libusb.h libusb-1.0/ pc:libusb-1.0 -lusb-1.0 | libusb-1.0-0-dev | libusb-dev | libusb-1.0-0 | libusb
usb.h -lusb | libusb-dev | libusb-compat-dev | libusb-0.1-4 | libusb-compat
hidapi/ hidapi.h pc:hidapi-libusb | libhidapi-dev | hidapi-dev | libhidapi-libusb0 | hidapi
bluetooth/ pc:bluez -lbluetooth | libbluetooth-dev | bluez-dev | libbluetooth3 | bluez-libs
systemd/ pc:libsystemd pc:libsystemd-daemon -lsystemd | libsystemd-dev pkg-config | | libsystemd0 |
dbus/ pc:dbus-1 | libdbus-1-dev libglib2.0-dev pkg-config | dbus-dev glib-dev pkgconf | libdbus-1-3 | dbus-libs
dbus-glib/ pc:dbus-glib-1 | libdbus-glib-1-dev pkg-config | dbus-glib-dev pkgconf | libdbus-glib-1-2 | dbus-glib
pcap.h pcap/ pcap-config pc:libpcap -lpcap | libpcap-dev | libpcap-dev | libpcap0.8 | libpcap
libnetfilter_queue/ pc:libnetfilter_queue -lnetfilter_queue | libnetfilter-queue-dev | libnetfilter_queue-dev | libnetfilter-queue1 | libnetfilter_queue
linux/ asm/ asm-generic/ | linux-libc-dev | linux-headers | |
numa.h -lnuma | libnuma-dev | numactl-dev | libnuma1 | numactl
fuse.h fuse/ pc:fuse -lfuse | libfuse-dev pkg-config | fuse-dev pkgconf | libfuse2 | fuse
fuse3/ pc:fuse3 -lfuse3 | libfuse3-dev pkg-config | fuse3-dev pkgconf | libfuse3-3 | fuse3-libs
alsa/ pc:alsa -lasound | libasound2-dev pkg-config | alsa-lib-dev pkgconf | libasound2 | alsa-lib
pulse/ pc:libpulse -lpulse | libpulse-dev | pulseaudio-dev | libpulse0 | libpulse
portaudio.h pc:portaudio-2.0 -lportaudio | portaudio19-dev | portaudio-dev | libportaudio2 | portaudio
sndfile.h pc:sndfile -lsndfile | libsndfile1-dev | libsndfile-dev | libsndfile1 | libsndfile
opus/ opus.h pc:opus -lopus | libopus-dev | opus-dev | libopus0 | opus
ogg/ vorbis/ pc:ogg pc:vorbis | libogg-dev libvorbis-dev | libogg-dev libvorbis-dev | libogg0 libvorbis0a | libogg libvorbis
FLAC/ pc:flac | libflac-dev | flac-dev | libflac12 | flac-libs
lame/ -lmp3lame | libmp3lame-dev | lame-dev | libmp3lame0 | lame-libs
libavcodec/ libavformat/ libavutil/ libavdevice/ libavfilter/ libswscale/ libswresample/ pc:libavcodec pc:libavformat pc:libavutil pc:libavdevice pc:libavfilter pc:libswscale pc:libswresample | libavcodec-dev libavformat-dev libavdevice-dev libavfilter-dev libswscale-dev libswresample-dev pkg-config | ffmpeg-dev pkgconf | ffmpeg | ffmpeg-libs
SDL.h SDL2/ sdl2-config pc:sdl2 -lSDL2 | libsdl2-dev | sdl2-dev | libsdl2-2.0-0 | sdl2
GL/ pc:gl -lGL | libgl1-mesa-dev | mesa-dev | libgl1 | mesa-gl
GL/glu.h pc:glu -lGLU | libglu1-mesa-dev | glu-dev | libglu1-mesa | glu
EGL/ GLES2/ GLES3/ pc:egl pc:glesv2 -lEGL | libegl-dev libgles-dev | mesa-dev | libegl1 libgles2 | mesa-egl mesa-gles
X11/ pc:x11 -lX11 | libx11-dev | libx11-dev | libx11-6 | libx11
X11/extensions/ pc:xext pc:xi pc:xtst pc:xrandr -lXext -lXi -lXtst | libxext-dev libxi-dev libxtst-dev libxrandr-dev | libxext-dev libxi-dev libxtst-dev libxrandr-dev | libxext6 libxi6 libxtst6 libxrandr2 | libxext libxi libxtst libxrandr
xcb/ pc:xcb -lxcb | libxcb1-dev | libxcb-dev | libxcb1 | libxcb
opencv2/ opencv4/ pc:opencv4 | libopencv-dev | opencv-dev | |
tesseract/ pc:tesseract -ltesseract | libtesseract-dev libleptonica-dev pkg-config | tesseract-ocr-dev leptonica-dev pkgconf | libtesseract5 | tesseract-ocr
leptonica/ pc:lept -llept | libleptonica-dev | leptonica-dev | liblept5 | leptonica
poppler/ pc:poppler-cpp pc:poppler -lpoppler-cpp | libpoppler-cpp-dev pkg-config | poppler-dev pkgconf | libpoppler-cpp0v5 | poppler
zbar.h pc:zbar -lzbar | libzbar-dev | zbar-dev | libzbar0 | zbar
magic.h -lmagic | libmagic-dev | file-dev | libmagic1 | libmagic
enchant.h pc:enchant-2 | libenchant-2-dev | enchant2-dev | libenchant-2-2 | enchant2-libs
hunspell/ pc:hunspell | libhunspell-dev | hunspell-dev | libhunspell-1.7-0 | libhunspell
unicode/ icu-config pc:icu-uc pc:icu-i18n pc:icu-io -licuuc -licui18n -licudata | libicu-dev pkg-config | icu-dev pkgconf | libicu72 | icu-libs
readline/ pc:readline -lreadline | libreadline-dev | readline-dev | libreadline8 | readline
curses.h ncurses.h term.h panel.h pc:ncurses pc:ncursesw -lncurses -lncursesw -lcurses -ltinfo | libncurses-dev | ncurses-dev | libncurses6 | ncurses-libs
editline/ histedit.h pc:libedit -ledit | libedit-dev | libedit-dev | libedit2 | libedit
pcre.h pcre-config pc:libpcre -lpcre | libpcre3-dev | pcre-dev | libpcre3 | pcre
pcre2.h pcre2-config pc:libpcre2-8 -lpcre2-8 | libpcre2-dev | pcre2-dev | libpcre2-8-0 | pcre2
re2/ pc:re2 -lre2 | libre2-dev | re2-dev | libre2-9 | re2
boost/ | libboost-dev | boost-dev | |
Eigen/ eigen3/ pc:eigen3 | libeigen3-dev | eigen-dev | |
gsl/ gsl-config pc:gsl -lgsl | libgsl-dev | gsl-dev | libgsl27 | gsl
cblas.h openblas_config.h pc:openblas pc:blas pc:lapack -lblas -llapack -lopenblas -lcblas | libopenblas-dev | openblas-dev | libopenblas0 | openblas
lapacke.h -llapacke | liblapacke-dev | lapack-dev | liblapacke | lapack
fftw3.h pc:fftw3 -lfftw3 | libfftw3-dev | fftw-dev | libfftw3-double3 | fftw-double-libs
hdf5.h pc:hdf5 -lhdf5 | libhdf5-dev pkg-config | hdf5-dev pkgconf | libhdf5-103-1 | hdf5
netcdf.h nc-config pc:netcdf -lnetcdf | libnetcdf-dev | netcdf-dev | libnetcdf19 | netcdf
geos_c.h geos/ geos-config pc:geos -lgeos_c | libgeos-dev | geos-dev | libgeos-c1v5 | geos
proj.h proj_api.h pc:proj -lproj | libproj-dev proj-bin | proj-dev proj-util | libproj25 | proj
gdal.h gdal/ cpl_port.h gdal-config pc:gdal -lgdal | libgdal-dev | gdal-dev | libgdal32 | gdal
spatialindex/ -lspatialindex -lspatialindex_c | libspatialindex-dev | libspatialindex-dev | libspatialindex6 | libspatialindex
google/protobuf/ pc:protobuf -lprotobuf | libprotobuf-dev protobuf-compiler | protobuf-dev protoc | libprotobuf32 | libprotobuf
graphviz/ pc:libgvc pc:libcgraph -lcgraph | libgraphviz-dev pkg-config | graphviz-dev pkgconf | graphviz | graphviz
augeas.h pc:augeas | libaugeas-dev | augeas-dev | libaugeas0 | augeas-libs
libvirt/ pc:libvirt -lvirt | libvirt-dev pkg-config | libvirt-dev pkgconf | libvirt0 | libvirt-libs
net-snmp/ net-snmp-config -lnetsnmp | libsnmp-dev | net-snmp-dev | libsnmp40 | net-snmp-libs
cups/ cups-config -lcups | libcups2-dev | cups-dev | libcups2 | cups-libs
archive.h pc:libarchive -larchive | libarchive-dev | libarchive-dev | libarchive13 | libarchive
zip.h pc:libzip -lzip | libzip-dev | libzip-dev | libzip4 | libzip
mosquitto.h pc:libmosquitto -lmosquitto | libmosquitto-dev | mosquitto-dev | libmosquitto1 | mosquitto-libs
rrd.h pc:librrd -lrrd | librrd-dev | rrdtool-dev | librrd8 | librrd
tidy.h -ltidy | libtidy-dev | tidyhtml-dev | libtidy5deb1 | tidyhtml-libs
avahi-client/ pc:avahi-client | libavahi-client-dev | avahi-dev | libavahi-client3 | avahi-libs
infiniband/ pc:libibverbs -libverbs | libibverbs-dev | rdma-core-dev | libibverbs1 | libibverbs
fmt/ pc:fmt -lfmt | libfmt-dev | fmt-dev | libfmt9 | fmt
spdlog/ pc:spdlog | libspdlog-dev | spdlog-dev | libspdlog1.10 | spdlog
gtest/ pc:gtest -lgtest | libgtest-dev | gtest-dev | |
clang-c/ | libclang-dev | clang-dev | libclang1 | clang-libs
llvm-c/ llvm-config | llvm-dev | llvm-dev | |
ltdl.h -lltdl | libltdl-dev | libltdl | libltdl7 | libltdl
tcl.h tk.h | tcl-dev tk-dev | tcl-dev tk-dev | tcl tk | tcl tk
ruby.h ruby/ | ruby-dev | ruby-dev | |
gfortran.h -lgfortran | gfortran | gfortran | libgfortran5 | libgfortran
`;

const BY_KEY: ReadonlyMap<string, Library> = new Map(rows(LIBRARIES));

/** `openssl/ssl.h`, `pc:cairo`, `-lz`, `curl-config`, `deb:libffi-dev`; undefined where nothing is known of it. */
export function libraryOf(key: string): Library | undefined {
  const exact = BY_KEY.get(key);
  if (exact || !key.includes("/")) return exact;
  const folder = key.slice(0, key.lastIndexOf("/", key.length - 2) + 1);
  return folder === "" ? undefined : libraryOf(folder);
}

/** Named otherwise in the releases before and after: they are only there where the image is of this one. */
const OF_BOOKWORM: ReadonlySet<string> = new Set(
  `libffi8 libssl3 libtiff6 libwebp7 libwebpmux3 libwebpdemux2 libgit2-1.5 libldap-2.5-0 libicu72 libgdal32 libproj25 libzip4 libre2-9 libfmt9
  libspdlog1.10 libprotobuf32 librocksdb7.8 libhdf5-103-1 libgsl27 libnetcdf19 libspatialindex6 libflac12 libmbedtls14 libsecp256k1-1 libsnmp40
  libhiredis0.14 libenchant-2-2 libmagickwand-6.q16-6 libpoppler-cpp0v5 libnettle8 libtesseract5 liblept5 libgirepository-1.0-1 libgtk-3-0
  libcups2 libasound2 libevent-2.1-7 libmemcached11 libpcre3 libreadline8`.split(/\s+/),
);

/** What a stage of this image needs at run time for what was built with these packages. */
export function runtimeOf(
  packages: readonly string[],
  { distribution, image }: { readonly distribution: "debian" | "alpine"; readonly image: string },
): readonly string[] {
  const libraries = [...new Set(BY_KEY.values())].filter((library) => packages.includes(library[distribution][0] ?? ""));
  const names = [...new Set(libraries.flatMap(({ runtime }) => runtime[distribution]))];
  return image.includes("bookworm") ? names : names.filter((name) => !OF_BOOKWORM.has(name));
}

/** Rows of `keys | debian | alpine | …`. */
function rows(table: string): [string, Library][] {
  return table
    .trim()
    .split("\n")
    .flatMap((row) => {
      const [keys = [], debian = [], alpine = [], runDebian = [], runAlpine = []] = row
        .split("|")
        .map((cell) => cell.trim().split(/\s+/).filter(Boolean));
      const library = { debian, alpine, runtime: { debian: runDebian, alpine: runAlpine } };
      return [...keys, ...debian.slice(0, 1).map((name) => `deb:${name}`)].map((key): [string, Library] => [key, library]);
    });
}

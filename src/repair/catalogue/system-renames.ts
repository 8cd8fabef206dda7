/** Name that is not there | what it is on Debian | what it is on Alpine: other distributions' names, and what was renamed or split. `-`: not known. */
const NAMES = `
build-base base-devel build-essentials buildessential | build-essential | build-base
build-essential | - | build-base
musl-dev glibc-devel glibc-dev | libc6-dev | musl-dev
libc6-dev libc-dev | - | musl-dev
linux-headers kernel-headers linux-headers-generic linux-headers-amd64 | linux-libc-dev | linux-headers
gcc-c++ g++-c++ gpp g++-dev | g++ | g++
gcc-gfortran | gfortran | gfortran
pkgconf-pkg-config pkgconfig pkg-conf | pkg-config | pkgconf
pkg-config | - | pkgconf
ninja-build ninja | ninja-build | ninja
libffi-devel ffi-dev libffi | libffi-dev | libffi-dev
libffi6 libffi7 | libffi8 | libffi
openssl-dev openssl-devel libopenssl-dev ssl-dev libssl | libssl-dev | openssl-dev
libssl-dev libssl1.0-dev | libssl-dev | openssl-dev
libssl1.0.0 libssl1.0.2 libssl1.1 | libssl3 | libssl3
zlib-dev zlib-devel zlib1-dev zlibg-dev libzlib-dev | zlib1g-dev | zlib-dev
zlib1g-dev | - | zlib-dev
zlib libz | zlib1g | zlib
bzip2-dev bzip2-devel | libbz2-dev | bzip2-dev
libbz2-dev | - | bzip2-dev
xz-dev xz-devel lzma-dev | liblzma-dev | xz-dev
liblzma-dev | - | xz-dev
zstd-dev libzstd-devel | libzstd-dev | zstd-dev
xz | xz-utils | xz
xz-utils | - | xz
readline-dev readline-devel libreadline6-dev libreadline5-dev libreadline7-dev | libreadline-dev | readline-dev
libreadline-dev | - | readline-dev
ncurses-dev ncurses-devel libncurses6-dev | libncurses-dev | ncurses-dev
libncurses5-dev libncursesw5-dev libncurses-dev | libncurses-dev | ncurses-dev
sqlite-dev sqlite-devel sqlite3-dev libsqlite-dev | libsqlite3-dev | sqlite-dev
libsqlite3-dev | - | sqlite-dev
sqlite | sqlite3 | sqlite
sqlite3 | - | sqlite
postgresql-dev postgresql-devel postgresql-libs libpq-devel pq-dev libpqdev postgres-dev libpg-dev libpq postgresql-libs-devel | libpq-dev | postgresql-dev
libpq-dev | - | postgresql-dev
libpq5 | - | libpq
postgres-client postgresql-clients psql pgsql-client | postgresql-client | postgresql-client
mariadb-dev mariadb-devel mysql-devel mysql-dev mariadb-connector-c-dev libmysqlclient-devel libmariadbclient-dev libmysqlclient20 | default-libmysqlclient-dev | mariadb-dev
libmysqlclient-dev libmysqlclient | default-libmysqlclient-dev | mariadb-dev
default-libmysqlclient-dev libmariadb-dev | - | mariadb-dev
mysql-client mysql-client-core mysql-client-5.7 mysql-client-8.0 default-mysql-client | default-mysql-client | mysql-client
mysql-server mysql-server-8.0 | default-mysql-server | mysql
libxml2-devel libxml-dev libxml2dev xml2-dev | libxml2-dev | libxml2-dev
libxslt-dev libxslt-devel xslt-dev libxlst-dev | libxslt1-dev | libxslt-dev
libxslt1-dev | - | libxslt-dev
xmlsec-dev xmlsec1-devel xmlsec1-dev | libxmlsec1-dev | xmlsec-dev
libxmlsec1-dev | - | xmlsec-dev
jpeg-dev libjpeg-turbo-dev libjpeg-turbo-devel libjpeg8-dev libjpeg-devel libjpg-dev | libjpeg-dev | jpeg-dev
libjpeg-dev libjpeg62-turbo-dev | - | jpeg-dev
libjpeg8 libjpeg62 libjpeg-turbo libjpeg-turbo8 | libjpeg62-turbo | libjpeg-turbo
libpng-devel png-dev libpng12-dev libpng16-dev | libpng-dev | libpng-dev
libpng12-0 | libpng16-16 | libpng
tiff-dev libtiff-devel libtiff4-dev | libtiff-dev | tiff-dev
libtiff5 libtiff4 | libtiff6 | tiff
libtiff-dev libtiff5-dev | libtiff-dev | tiff-dev
freetype-dev freetype-devel | libfreetype-dev | freetype-dev
libfreetype6-dev libfreetype-dev | libfreetype-dev | freetype-dev
fontconfig-dev fontconfig-devel | libfontconfig-dev | fontconfig-dev
libwebp-devel webp-dev | libwebp-dev | libwebp-dev
libwebp6 libwebp5 | libwebp7 | libwebp
lcms2-dev lcms2-devel liblcms-dev | liblcms2-dev | lcms2-dev
openjpeg-dev openjpeg2-devel | libopenjp2-7-dev | openjpeg-dev
giflib-dev giflib-devel | libgif-dev | giflib-dev
cairo-dev cairo-devel libcairo-dev | libcairo2-dev | cairo-dev
libcairo2-dev | - | cairo-dev
cairo | libcairo2 | cairo
pango-dev pango-devel | libpango1.0-dev | pango-dev
pango libpango libpango1.0-0 | libpango-1.0-0 | pango
gdk-pixbuf-dev libgdk-pixbuf2.0-dev | libgdk-pixbuf-2.0-dev | gdk-pixbuf-dev
libgdk-pixbuf2.0-0 libgdk-pixbuf-2.0-0 gdk-pixbuf | libgdk-pixbuf-2.0-0 | gdk-pixbuf
glib-dev glib2-devel libglib-dev | libglib2.0-dev | glib-dev
glib glib2 libglib2.0 libglib libglib2 | libglib2.0-0 | glib
libglib2.0-0 libglib2.0-0t64 | libglib2.0-0 | glib
gobject-introspection-dev gobject-introspection-devel | libgirepository1.0-dev | gobject-introspection-dev
libgl1-mesa-glx libgl1-mesa mesa-libGL mesa-gl libgl libgl-mesa-glx libgl1-mesa-gl | libgl1 | mesa-gl
libgl1 libgl1-mesa-dri | - | mesa-gl
libegl1-mesa mesa-egl | libegl1 | mesa-egl
libgles2-mesa | libgles2 | mesa-gles
mesa-dev mesa-libGL-devel libgl1-mesa-glx-dev | libgl1-mesa-dev | mesa-dev
libsm libSM | libsm6 | libsm
libxext libXext | libxext6 | libxext
libxrender libXrender | libxrender1 | libxrender
libx11 libX11 | libx11-6 | libx11
libgomp | libgomp1 | libgomp
libgomp1 | - | libgomp
libstdc++ libstdcpp6 libstdc++6 | libstdc++6 | libstdc++
libmagic file-libs | libmagic1 | libmagic
file-dev | libmagic-dev | file-dev
libmagic1 | - | libmagic
openldap-dev openldap-devel libldap-dev2 ldap-dev | libldap2-dev | openldap-dev
cyrus-sasl-dev cyrus-sasl-devel libsasl-dev | libsasl2-dev | cyrus-sasl-dev
libldap2-dev libldap-dev | libldap2-dev | openldap-dev
libldap-2.4-2 | libldap-2.5-0 | libldap
libsasl2-dev | - | cyrus-sasl-dev
unixODBC unixODBC-devel unixodbc-devel odbc-dev unix-odbc-dev | unixodbc-dev | unixodbc-dev
freetds-devel | freetds-dev | freetds-dev
yaml-dev libyaml-devel libyaml | libyaml-dev | yaml-dev
libyaml-dev | - | yaml-dev
curl-dev libcurl-devel libcurl-dev libcurl4-dev libcurl-openssl-dev libcurl4-openssl libcurl3-dev libcurl3-openssl-dev | libcurl4-openssl-dev | curl-dev
libcurl4-openssl-dev libcurl4-gnutls-dev | - | curl-dev
libcurl libcurl3 | libcurl4 | libcurl
gmp-dev gmp-devel libgmp3-dev | libgmp-dev | gmp-dev
libgmp-dev | - | gmp-dev
krb5-dev krb5-devel libkrb5-devel | libkrb5-dev | krb5-dev
libkrb5-dev | - | krb5-dev
icu-dev libicu-devel | libicu-dev | icu-dev
libicu icu-libs libicu57 libicu60 libicu63 libicu66 libicu67 libicu70 | libicu72 | icu-libs
geos-dev geos-devel | libgeos-dev | geos-dev
proj-dev proj-devel | libproj-dev | proj-dev
gdal-dev gdal-devel gdal | libgdal-dev | gdal-dev
libevent-devel | libevent-dev | libevent-dev
pcre-dev pcre-devel | libpcre3-dev | pcre-dev
libpcre3-dev | - | pcre-dev
snappy-dev snappy-devel | libsnappy-dev | snappy-dev
librdkafka-devel rdkafka-dev | librdkafka-dev | librdkafka-dev
zeromq-dev zeromq-devel libzmq-dev libzmq5-dev | libzmq3-dev | zeromq-dev
util-linux-dev libuuid-devel libuuid-dev | uuid-dev | util-linux-dev
uuid-dev | - | util-linux-dev
eudev-dev systemd-devel udev-dev | libudev-dev | eudev-dev
libusb-devel libusbx-devel libusb1-devel libusb-1.0-dev | libusb-1.0-0-dev | libusb-dev
alsa-lib-dev alsa-lib-devel libasound-dev alsa-dev | libasound2-dev | alsa-lib-dev
libasound2 | libasound2t64 | alsa-lib
portaudio-dev portaudio-devel portaudio libportaudio-dev | portaudio19-dev | portaudio-dev
libsndfile libsndfile-dev libsndfile-devel | libsndfile1-dev | libsndfile-dev
ffmpeg-dev ffmpeg-devel | libavcodec-dev libavformat-dev libavdevice-dev libavfilter-dev libswscale-dev libswresample-dev | ffmpeg-dev
imagemagick-dev ImageMagick-devel libmagickwand-devel | libmagickwand-dev | imagemagick-dev
ImageMagick | imagemagick | imagemagick
tesseract tesseract-ocr-dev | tesseract-ocr libtesseract-dev | tesseract-ocr
poppler | poppler-utils | poppler-utils
zbar zbar-dev libzbar | libzbar0 | zbar
openblas-dev openblas-devel | libopenblas-dev | openblas-dev
libatlas-base-dev atlas-dev | libopenblas-dev | openblas-dev
lapack-dev lapack-devel | liblapack-dev | lapack-dev
hdf5-dev hdf5-devel | libhdf5-dev | hdf5-dev
protobuf-dev protobuf-devel protoc protobuf | protobuf-compiler | protoc
protobuf-compiler | - | protoc
python python-minimal python2 python2.7 | python3 | python3
python-dev python2-dev python2.7-dev python-devel python3-devel python36-devel | python3-dev | python3-dev
python-pip python2-pip python-pip3 py3-pip python3-pip3 pip pip3 | python3-pip | py3-pip
python3-pip | - | py3-pip
python-setuptools py3-setuptools | python3-setuptools | py3-setuptools
python-wheel py3-wheel | python3-wheel | py3-wheel
python-venv python-virtualenv py3-virtualenv virtualenv3 | python3-venv | py3-virtualenv
python3-venv python3-distutils python3-full python3-virtualenv | python3-venv | python3
python-numpy py3-numpy | python3-numpy | py3-numpy
python-yaml py3-yaml | python3-yaml | py3-yaml
nodejs-npm node node-js nodejs-legacy node.js | nodejs | nodejs npm
golang-go go | golang-go | go
golang | golang | go
rust rust-lang | rustc | rust
cargo-rust | cargo | cargo
openjdk jdk java default-java openjdk-8-jdk openjdk-11-jdk java-11-openjdk openjdk11 openjdk17 | default-jdk-headless | openjdk17
openjdk-8-jre openjdk-11-jre openjdk-8-jre-headless openjdk-11-jre-headless jre java-11-openjdk-headless openjdk11-jre openjdk17-jre | default-jre-headless | openjdk17-jre-headless
netcat nc ncat-openbsd netcat-bsd nmap-ncat | netcat-openbsd | netcat-openbsd
vim-enhanced | vim | vim
procps-ng | procps | procps-ng
ps procps-tools | procps | procps
ping iputils | iputils-ping | iputils
iputils-ping | - | iputils
dnsutils bind-tools bind-utils bind9-utils-dns dig nslookup | bind9-dnsutils | bind-tools
ifconfig nettools | net-tools | net-tools
ip | iproute2 | iproute2
iproute | iproute2 | iproute2
ssh openssh ssh-client openssh-clients | openssh-client | openssh-client
openssh-client-default | openssh-client | openssh-client-default
gpg2 gnupg1 | gnupg | gnupg
gnupg2 | gnupg2 | gnupg
ca-cert ca-certs cacertificates ca-certificate ca_certificates ca-certificates-bundle ca-certificates-cacert certificates | ca-certificates | ca-certificates
tz-data tzdata-legacy timezone timezones tzinfo | tzdata | tzdata
locale locales-all-en glibc-locales glibc-langpack-en musl-locales | locales | musl-locales
shadow shadow-utils | passwd | shadow
su-exec suexec | gosu | su-exec
gosu | - | su-exec
dumb_init dumbinit | dumb-init | dumb-init
cron-daemon cronie crond dcron | cron | dcron
cron | - | dcron
p7zip 7zip 7-zip | p7zip-full | 7zip
chromium-browser google-chrome google-chrome-stable chrome | chromium | chromium
chromedriver chromium-chromedriver | chromium-driver | chromium-chromedriver
firefox | firefox-esr | firefox
ttf-freefont ttf-dejavu dejavu-fonts | fonts-dejavu | ttf-dejavu
ttf-liberation font-liberation | fonts-liberation | ttf-liberation
ttf-mscorefonts-installer msttcorefonts-installer | fonts-liberation | msttcorefonts-installer
font-noto | fonts-noto | font-noto
docker docker-ce docker-ce-cli | docker.io | docker
redis redis-cli | redis-tools | redis
redis-server | redis-server | redis
httpd httpd-tools apache2-utils-dev apache | apache2 | apache2
lsb-core redhat-lsb lsb | lsb-release | lsb-release
software-properties | software-properties-common | -
g++-multilib gcc-multilib | gcc-multilib | -
libtool-bin-dev libtool-ltdl-devel | libltdl-dev | libtool
cmake3 | cmake | cmake
tini-static | tini | tini
libtinfo5 libncurses5 | libtinfo6 libncurses6 | ncurses-libs
libappindicator1 libappindicator3-1 | libayatana-appindicator3-1 | -
libenchant1c2a libenchant-dev enchant enchant-dev | libenchant-2-2 | enchant2
libprotobuf17 libprotobuf23 | libprotobuf32 | libprotobuf
libpython-dev | libpython3-dev | python3-dev
`;

const BY_NAME: ReadonlyMap<string, { readonly debian: readonly string[]; readonly alpine: readonly string[] }> = new Map(
  NAMES.trim()
    .split("\n")
    .flatMap((row) => {
      const [names = [], debian = [], alpine = []] = row.split("|").map((cell) => cell.trim().split(/\s+/));
      const packages = { debian: debian.filter((one) => one !== "-"), alpine: alpine.filter((one) => one !== "-") };
      return names.map((name): [string, typeof packages] => [name, packages]);
    }),
);

/** What a package that the distribution does not have is called there; undefined where that is not known. */
export function renamed(name: string, distribution: "debian" | "alpine"): readonly string[] | undefined {
  const found = BY_NAME.get(name)?.[distribution];
  return found && found.length > 0 && !found.includes(name) ? found : undefined;
}

/** Every name the tables know of a distribution, for what somebody misspelt. */
export function knownNames(distribution: "debian" | "alpine"): ReadonlySet<string> {
  return new Set([...BY_NAME.values()].flatMap((packages) => packages[distribution]));
}

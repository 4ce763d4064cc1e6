# Builds the simulated driver: make -f gpu/gpusim/build.mk OUT=build/gpusim
# in the environment of deps/env.sh. `make gpusim` does.
OUT      ?= build/gpusim
SANITIZE ?=
SRC      := gpu/gpusim
OBJ      := $(OUT)/obj

CXXFLAGS := -std=c++17 -O2 -g -fPIC -Wall -Wextra -fvisibility=hidden -MMD -MP \
	-I$(SRC)/core -I$(SRC)/jpeg -Igpu/include -Igpu/kernels $(shell pkg-config --cflags ffnvcodec libavcodec libturbojpeg)
# The libraries find each other where they are; those of others stay inside.
LDFLAGS  := -shared -Wl,-z,defs -Wl,-rpath,'$$ORIGIN' -Wl,--exclude-libs,ALL -Wl,-Bsymbolic-functions
ifneq ($(SANITIZE),)
SANFLAGS := -fsanitize=address,undefined,float-cast-overflow,bounds-strict -fno-sanitize-recover=all
CXXFLAGS += $(SANFLAGS) -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS
LDFLAGS  += $(SANFLAGS)
endif

objects = $(patsubst $(SRC)/%.cpp,$(OBJ)/%.o,$(wildcard $(SRC)/$(1)/*.cpp))

LIBS := $(OUT)/libcuda.so.1 $(OUT)/libnvcuvid.so.1 $(OUT)/libnvjpeg.so.12 $(OUT)/libnvidia-ml.so.1

.PHONY: all
all: $(LIBS) $(OUT)/simtest

$(OBJ)/%.o: $(SRC)/%.cpp $(SRC)/build.mk
	@mkdir -p $(@D)
	@$(CXX) $(CXXFLAGS) -c $< -o $@

$(OUT)/libcuda.so.1: $(call objects,core)
	@$(CXX) $(LDFLAGS) -Wl,-soname,$(@F) $^ -o $@ -lpthread

$(OUT)/libnvcuvid.so.1: $(call objects,cuvid) $(OUT)/libcuda.so.1
	@$(CXX) $(LDFLAGS) -Wl,-soname,$(@F) $^ -o $@ $(shell pkg-config --static --libs libavcodec libavutil)

# Debian's archive of turbojpeg is not for shared objects; its shared library is.
$(OUT)/libnvjpeg.so.12: $(call objects,jpeg) $(OUT)/libcuda.so.1
	@$(CXX) $(LDFLAGS) -Wl,-soname,$(@F) $^ -o $@ -lturbojpeg

$(OUT)/libnvidia-ml.so.1: $(call objects,nvml) $(OUT)/libcuda.so.1
	@$(CXX) $(LDFLAGS) -Wl,-soname,$(@F) $^ -o $@

$(OUT)/simtest: $(call objects,simtest) $(LIBS)
	@$(CXX) $(SANFLAGS) -Wl,-rpath,'$$ORIGIN' $^ -o $@ -lpthread

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

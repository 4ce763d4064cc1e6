#include <cstring>

#include "simtest.h"

int main(int argc, char **argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: simtest CASE, or simtest decode CODEC OPTIONS <units >frames\n");
        return 2;
    }
    if (std::strcmp(argv[1], "decode") == 0) {
        return decode(argc, argv);
    }
    if (!run_rule(argv[1]) && !run_media(argv[1])) {
        std::fprintf(stderr, "no case %s\n", argv[1]);
        return 2;
    }
    return 0;
}
